// All checks, in the order in which they say most for the time they take. CI runs this; `npm run check` is the same at home.
// `npm run check -- lint knip` runs only those.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { npm } from './lib/process.mjs'

const MINUTE = 60_000

const steps = [
  ['check:lock', 1 * MINUTE],
  ['format:check', 1 * MINUTE],
  ['build', 2 * MINUTE], // Before lint and types: tests import the built package by its name.
  ['lint', 2 * MINUTE],
  ['types', 2 * MINUTE],
  ['check:package', 3 * MINUTE],
  ['size', 2 * MINUTE],
  ['knip', 2 * MINUTE],
  ['check:consumers', 12 * MINUTE],
  ['check:runtimes', 10 * MINUTE],
  ['test', 15 * MINUTE],
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
