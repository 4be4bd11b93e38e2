// Runs the client's suite (test/client/*.cases.ts) in Bun and Deno, against the misbehaving server in Node.
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'vite'
import { root } from './lib/files.mjs'
import { npm, run } from './lib/process.mjs'
import { finish } from './lib/report.mjs'

const project = join(root, 'consumers', 'runtimes')
const runtimes = {
  bun: (program, ...args) => run(binary('@oven', 'bun'), [program, ...args], { timeout: 900_000 }),
  deno: (program, ...args) => run(binary('@deno', 'deno'), ['run', '--allow-net', program, ...args], { timeout: 900_000 }),
}

const problems = []
let passed = 0

await install()
// In the project, so that `vite` has a root and leaves nothing behind in it.
const folder = mkdtempSync(join(tmpdir(), 'server-sent-runtimes-'))
try {
  await bundle('test/client/misbehaving-server.ts')
  await bundle('test/client/main.ts')
  const { startMisbehaving } = await import(pathToFileURL(join(folder, 'misbehaving-server.mjs')).href)
  for (const [name, start] of Object.entries(runtimes)) {
    const server = await startMisbehaving()
    const begun = performance.now()
    try {
      const output = await start(join(folder, 'main.mjs'), name, server.url, server.other)
      const told = output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      const failed = told.filter(([, problem]) => problem)
      for (const [test, problem] of failed) problems.push(`${name}: ${test}: ${problem}`)
      if (told.length < 100) problems.push(`${name}: only ${told.length} tests have run`)
      passed += told.length - failed.length
      console.log(`  ${name}: ${told.length - failed.length} of ${told.length} (${((performance.now() - begun) / 1000).toFixed(1)} s)`)
    } catch (error) {
      problems.push(`${name}: ${error.message}`)
    } finally {
      await server.close()
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
finish(problems, `${passed} tests of the client passed in ${Object.keys(runtimes).join(' and ')}`)

/** What the lock says; check-consumers.mjs leaves the same stamp. */
async function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(project, 'package-lock.json')))
    .digest('hex')
  const stamp = join(project, 'node_modules', '.installed-from')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  await npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: project, timeout: 900_000 })
  writeFileSync(stamp, lock)
}

/** The one for this machine: npm has installed no other. Install scripts, which would move it, don't run. */
function binary(scope, name) {
  const inScope = join(project, 'node_modules', scope)
  for (const entry of readdirSync(inScope)) {
    for (const path of [join(inScope, entry, 'bin', name), join(inScope, entry, name)]) {
      for (const found of [path, `${path}.exe`]) if (existsSync(found)) return found
    }
  }
  throw new Error(`${scope} has no ${name} for this machine`)
}

async function bundle(entry) {
  await build({
    root,
    configFile: false,
    logLevel: 'silent',
    build: {
      ssr: entry,
      outDir: folder,
      emptyOutDir: false,
      minify: false,
      target: 'es2022',
      rollupOptions: { output: { entryFileNames: '[name].mjs' } },
    },
  })
}
