// Uses the packed package as its users do: see consumers/README.md.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, constants } from 'node:http2'
import { join, sep } from 'node:path'
import { findFiles, root, shown } from './lib/files.mjs'
import { withPacked } from './lib/pack.mjs'
import { npm, run, tool } from './lib/process.mjs'
import { finish } from './lib/report.mjs'

const compilers = { 'typescript-5.9': '5.9.', 'typescript-7': '7.' }
const compilersIn = join(root, 'consumers', 'types')

// Ended from outside, it still ends the programs it has started.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

const problems = []
const seen = { compiled: 0, required: 0, programs: 0 }

const consumers = findFiles((name) => name === 'package.json', join(root, 'consumers')).map((path) => join(path, '..'))
await withPacked(async ({ unpacked }) => {
  for (const folder of consumers) {
    await step(`install ${shown(folder)}`, () => install(folder, unpacked))
  }
  for (const [compiler, version] of Object.entries(compilers)) {
    await step(`${compiler} is what it says`, () => isVersion(compiler, version))
    for (const project of consumers.flatMap((folder) => filesOf(folder, /^tsconfig.*\.json$/))) {
      await step(`compile ${shown(project)} with ${compiler}`, () => compile(project, compiler))
    }
  }
  for (const script of consumers.flatMap((folder) => filesOf(folder, /\.cjs$/))) {
    await step(`run ${shown(script)}`, () => runScript(script))
  }
  for (const folder of consumers.filter((folder) => existsSync(join(folder, 'src')))) {
    try {
      await step(`build ${shown(folder)}`, () => tool('typescript-7', ['-p', folder], { from: compilersIn }))
      for (const program of filesOf(join(folder, 'src'), /\.ts$/)) {
        const built = join(folder, 'dist', program.slice(program.lastIndexOf(sep) + 1).replace(/\.ts$/, '.js'))
        await step(`start and read ${shown(program)}`, () => startAndRead(built))
      }
    } finally {
      rmSync(join(folder, 'dist'), { recursive: true, force: true })
    }
  }
})

for (const [what, count] of Object.entries(seen)) if (count === 0) problems.push(`${what}: none found`)
finish(
  problems,
  `${consumers.length} consumers: ${seen.compiled} compilations, ${seen.required} scripts that require(), ${seen.programs} programs started and read`,
)

/** One problem doesn't hide the next: what failed is noted, and the rest still runs. */
async function step(name, work) {
  const begun = performance.now()
  try {
    await work()
    console.log(`  ${name} (${seconds(begun)})`)
  } catch (error) {
    console.log(`  ${name}: FAILED (${seconds(begun)})`)
    problems.push(`${name}: ${error.message}`)
  }
}

function seconds(begun) {
  return `${((performance.now() - begun) / 1000).toFixed(1)} s`
}

function filesOf(folder, pattern) {
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => join(folder, name))
}

/** What the lock says, then the package. It is not in the lock, where its hash would change with every build. */
async function install(folder, unpacked) {
  const lock = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex')
  const stamp = join(folder, 'node_modules', '.installed-from')
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
    await npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder, timeout: 900_000 })
    writeFileSync(stamp, lock)
  }
  const target = join(folder, 'node_modules', 'server-sent')
  rmSync(target, { recursive: true, force: true })
  cpSync(unpacked, target, { recursive: true })
}

async function isVersion(compiler, version) {
  const said = await tool(compiler, ['--version'], { from: compilersIn })
  if (!said.includes(`Version ${version}`)) throw new Error(`wanted ${version}x, it says ${said.trim()}`)
}

async function compile(project, compiler) {
  const output = await tool(compiler, ['-p', project, '--noEmit', '--listFiles'], { from: compilersIn }).catch(({ message }) => {
    throw new Error(message.replace(/^.*\.[cm]?tsx?\n/gm, '')) // The list of files tells nothing about an error.
  })
  const files = output.split('\n')
  const ours = files.filter((file) => file.includes('/consumers/') && !file.includes('/node_modules/'))
  const declarations = files.filter((file) => file.includes('/node_modules/server-sent/dist/'))
  if (ours.length === 0) throw new Error('compiled no file')
  if (declarations.length === 0) throw new Error('has not read the packed declarations')
  seen.compiled++
}

async function runScript(script) {
  await run(process.execPath, [script], { cwd: join(script, '..'), timeout: 300_000 })
  seen.required++
}

/** Starts a program, reads the first items of its stream and leaves, twice: a reader that left must not have harmed the server. */
async function startAndRead(built) {
  const program = start(built)
  try {
    const url = await program.printed(/^http:\S+/m, 120_000)
    for (const reader of ['first', 'second']) {
      const stream = await (built.endsWith('http2.js') ? openHttp2 : openHttp)(url)
      try {
        if (stream.status !== 200) throw new Error(`the ${reader} reader got status ${stream.status}`)
        if (!/^text\/event-stream\b/.test(stream.type)) throw new Error(`the ${reader} reader got content type ${stream.type}`)
        await within(60_000, `three items for the ${reader} reader`, readTicks(stream.chunks, 3))
        if (program.output().includes('left')) throw new Error(`the source was stopped while the ${reader} reader was there`)
      } finally {
        stream.leave()
      }
      await program.printed(/^left$/m, 30_000, `the source was not told within 30 s that the ${reader} reader left`)
      program.forget()
    }
    seen.programs++
  } finally {
    program.stop()
  }
}

async function readTicks(chunks, count) {
  let text = ''
  for await (const chunk of chunks) {
    text += chunk
    const ticks = [...text.matchAll(/^data: \{"tick":(\d+)\}\n\n/gm)].map((match) => Number(match[1]))
    if (ticks.some((tick, index) => tick !== index + 1)) throw new Error(`not 1, 2, 3 ...: ${JSON.stringify(text)}`)
    if (ticks.length >= count) return
  }
  throw new Error(`the stream ended after ${JSON.stringify(text)}`)
}

async function openHttp(url) {
  const leaving = new AbortController()
  const response = await fetch(url, { signal: AbortSignal.any([leaving.signal, AbortSignal.timeout(120_000)]) })
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    chunks: response.body.pipeThrough(new TextDecoderStream()),
    leave: () => leaving.abort(),
  }
}

async function openHttp2(url) {
  const { origin, pathname } = new URL(url)
  const session = connect(origin)
  const stream = session.request({ ':path': pathname })
  stream.setEncoding('utf8')
  const headers = await new Promise((resolve, reject) => {
    stream.once('response', resolve)
    for (const emitter of [session, stream]) emitter.on('error', reject)
  })
  return {
    status: headers[':status'],
    type: headers['content-type'] ?? '',
    chunks: stream.iterator({ destroyOnReturn: false }),
    // The stream alone is given up, as a browser does: the connection is still there when the source must hear of it.
    leave() {
      stream.close(constants.NGHTTP2_CANCEL)
      session.close()
    },
  }
}

/** A child process whose output can be waited for. */
function start(built) {
  const child = spawn(process.execPath, [built], { env: { ...process.env, PORT: '0' }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let look = () => {}
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
      look()
    })
  }
  child.once('exit', () => look())
  const stop = () => child.kill('SIGKILL')
  process.once('exit', stop)
  return {
    output: () => output,
    forget: () => {
      output = ''
    },
    stop() {
      process.off('exit', stop)
      stop()
    },
    printed(pattern, timeout, otherwise = `it has not printed ${pattern}`) {
      const found = new Promise((resolve, reject) => {
        look = () => {
          const match = pattern.exec(output)
          if (match) resolve(match[0])
          else if (child.exitCode !== null) reject(new Error(`it ended with ${child.exitCode} after printing ${output}`))
        }
        look()
      })
      return within(timeout, otherwise, found).catch((error) => {
        throw new Error(`${error.message}; printed so far: ${JSON.stringify(output)}`)
      })
    },
  }
}

/** `work`, or an error that says what was waited for. */
async function within(timeout, what, work) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeout / 1000} s: ${what}`)), timeout)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
