// All checks, in the order in which they say most for the time they take. CI runs this; `npm run check` is the same at home.
// `npm run check -- lint knip` runs only those.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { npm } from './lib/process.mjs'

const MINUTE = 60_000

// How long each may take: for what hangs, so some ten times of what it takes. A slow or busy machine is no failure.
const steps = [
  ['check:lock', 5 * MINUTE],
  ['format:check', 5 * MINUTE],
  ['build', 10 * MINUTE], // Before lint and types: tests import the built package by its name.
  ['lint', 10 * MINUTE],
  ['types', 10 * MINUTE],
  ['check:package', 15 * MINUTE],
  ['size', 10 * MINUTE],
  ['knip', 10 * MINUTE],
  ['check:consumers', 45 * MINUTE],
  ['check:runtimes', 30 * MINUTE],
  ['check:valkey', 30 * MINUTE],
  ['test', 90 * MINUTE],
]

const wanted = process.argv.slice(2)
for (const name of wanted) {
  if (!steps.some(([step]) => step === name)) throw new Error(`no check is called ${name}: ${steps.map(([step]) => step).join(', ')}`)
}

const failed = []
let count
for (const [name, timeout] of steps.filter(([step]) => wanted.length === 0 || wanted.includes(step))) {
  const begun = performance.now()
  console.log(`\n── ${name}`)
  try {
    await (name === 'test' ? runTests(timeout) : npm(['run', '--silent', name], { show: true, timeout }))
    console.log(`── ${name}: ok, ${seconds(begun)}`)
  } catch (error) {
    console.log(`── ${name}: FAILED, ${seconds(begun)} (${error.message})`)
    failed.push(name)
    // What follows would only repeat it.
    if (name === 'build') break
  }
}

if (failed.length > 0) {
  console.error(`\nfailed: ${failed.join(', ')}`)
  process.exitCode = 1
}
if (count) console.log(count)

function seconds(begun) {
  return `${((performance.now() - begun) / 1000).toFixed(1)} s`
}

/** `npm test`, as the README says it, plus a count of its own: a run that found no test must not pass for a good one. */
async function runTests(timeout) {
  const folder = mkdtempSync(join(tmpdir(), 'server-sent-test-'))
  try {
    const file = join(folder, 'results.json')
    const problem = await npm(['test', '--', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`], {
      show: true,
      timeout,
    }).then(
      () => undefined,
      (error) => error,
    )
    if (!existsSync(file)) throw problem ?? new Error('vitest has written no results')
    const { numPassedTests: passed, numFailedTests, numPendingTests: skipped, testResults } = JSON.parse(readFileSync(file, 'utf8'))
    // A file that can't be loaded has no tests to fail.
    const unloaded = testResults.filter(
      ({ status, assertionResults }) => status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
    )
    if (skipped > 0) console.log(`${skipped} skipped`)
    count = `${passed} passed, ${numFailedTests + unloaded.length} failed`
    if (passed === 0) throw new Error('no test has run')
    if (problem) throw problem
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
