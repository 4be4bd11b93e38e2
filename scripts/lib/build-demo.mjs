import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { findFiles, root } from './files.mjs'
import { tool } from './process.mjs'

const demo = join(root, 'demo')
const built = join(demo, 'dist', '.built')
const lock = join(root, 'node_modules', '.server-sent-demo-build')

/** Builds the parts of the demo that are missing or older than their source: the package, its server, its pages. */
export async function buildDemo(tell = () => {}) {
  const release = await takeLock()
  try {
    const changed = stale()
    if (changed.package) await step('the package', 'typescript', ['-p', 'tsconfig.build.json'])
    if (!changed.demo) return
    rmSync(built, { force: true })
    const begun = new Date()
    await step('the server of the demo', 'typescript', ['-p', 'demo/tsconfig.server.json'])
    await step('the pages of the demo', 'vite', ['build', 'demo', '--config', 'demo/vite.config.ts', '--logLevel', 'warn'])
    writeFileSync(built, begun.toISOString())
  } finally {
    release()
  }

  async function step(what, name, args) {
    const started = performance.now()
    tell(`Building ${what} ...`)
    await tool(name, args)
    tell(`Built ${what} in ${((performance.now() - started) / 1000).toFixed(1)} s`)
  }
}

function stale() {
  const isSource = (name) => name.endsWith('.ts') && !/\.test(-d)?\.ts$/.test(name)
  const sources = findFiles(isSource, join(root, 'src'))
  // The compiler writes one file for one file.
  const outputOf = (path) => join(root, 'dist', relative(join(root, 'src'), path)).replace(/\.ts$/, '.js')
  const config = changedAt(join(root, 'tsconfig.build.json'))
  const since = existsSync(built) ? Date.parse(readFileSync(built, 'utf8')) : 0
  // The pages hold the client, and what it stands on; of the rest of the package nothing is copied.
  const bundled = sources.filter((path) => /^(errors\.ts|(protocol|util|client)\b)/.test(relative(join(root, 'src'), path)))
  const inputs = [...findFiles(() => true, demo), ...bundled, join(root, 'package-lock.json')]
  return {
    package: sources.some((path) => changedAt(outputOf(path)) < Math.max(changedAt(path), config)),
    demo: inputs.some((path) => changedAt(path) > since),
  }
}

function changedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** One build at a time: tests in several processes, or a second `npm start`, wait for the first. */
async function takeLock() {
  mkdirSync(dirname(lock), { recursive: true })
  for (let waited = 0; ; waited += 100) {
    try {
      mkdirSync(lock)
      writeFileSync(join(lock, 'pid'), String(process.pid))
      return () => rmSync(lock, { recursive: true, force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    // Who was killed while building has left it.
    if (waited % 1_000 === 900 && !isRunning()) rmSync(lock, { recursive: true, force: true })
    if (waited > 120_000) throw new Error(`Another build of the demo does not end: if there is none, remove ${lock}`)
    await setTimeout(100)
  }
}

function isRunning() {
  try {
    return process.kill(Number(readFileSync(join(lock, 'pid'), 'utf8')), 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}
