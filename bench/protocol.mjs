// Parsing and formatting against the peers: prints a table and writes results/protocol.json.
// Exits non-zero when a contender didn't deliver every field of every item; never because of a time.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { contenders } from './contenders.mjs'
import { cases, checksumOf, itemsOf } from './inputs.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    time: { type: 'string', default: '200' },
    only: { type: 'string', default: '' },
    'no-write': { type: 'boolean', default: false },
  },
})

const trial = fileURLToPath(new URL('trial.mjs', import.meta.url))
const packages = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')).dependencies
const results = []
let wrong = 0

const chosen = cases.filter((of) => nameOf(of).includes(values.only))
if (chosen.length === 0) throw new Error(`no case has ${JSON.stringify(values.only)} in its name: ${cases.map(nameOf).join('; ')}`)
for (const of of chosen) {
  const result = compare(of)
  results.push(result)
  console.log(`${result.case.padEnd(38)} ${result.contenders.map(shown).join('   ')}`)
}

if (wrong > 0) {
  console.error(`${wrong} trials did not deliver every field of every item: no result is worth anything`)
  process.exitCode = 1
} else if (chosen.length === cases.length && !values['no-write']) {
  const about = {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    cpu: `${cpus().length} x ${cpus()[0]?.model.trim()}`,
    rounds: Number(values.rounds),
    packages,
    unit: 'nanoseconds per item; ratio: how many times as long as server-sent, the median of all rounds; fastest: the fastest tenth of the runs of the fastest round',
  }
  mkdirSync(new URL('results/', import.meta.url), { recursive: true })
  writeFileSync(new URL('results/protocol.json', import.meta.url), `${JSON.stringify({ ...about, results }, null, 2)}\n`)
  console.log('written: bench/results/protocol.json')
}

function compare(of) {
  const expected = checksumOf(itemsOf(of))
  const names = contenders[of.job]
  const rounds = Array.from({ length: Number(values.rounds) }, (_, round) => {
    // Who goes first takes turns: a machine gets warm, and its neighbours come and go.
    const order = names.map((_, index) => names[(index + round) % names.length])
    const trials = Object.fromEntries(order.map((name) => [name, measure(name, of, expected)]))
    return names.map((name) => trials[name])
  })
  return {
    case: nameOf(of),
    contenders: names.map((name, index) => ({
      name,
      median: round(middle(rounds.map((trials) => trials[index].median)), 1),
      fastest: round(Math.min(...rounds.map((trials) => trials[index].fastest)), 1),
      ratio: round(middle(rounds.map((trials) => trials[index].median / trials[0].median)), 2),
      ratioOfFastest: round(
        Math.min(...rounds.map((trials) => trials[index].fastest)) / Math.min(...rounds.map((trials) => trials[0].fastest)),
        2,
      ),
    })),
  }
}

function measure(name, of, expected) {
  const { checksum, ...times } = JSON.parse(
    execFileSync(process.execPath, [trial, name, JSON.stringify(of), values.time], { encoding: 'utf8' }),
  )
  if (checksum !== expected) {
    console.error(`${name} delivered ${checksum}, not ${expected}: ${nameOf(of)}`)
    wrong++
  }
  return times
}

function nameOf({ job, fed, chunks, shape, size }) {
  return job === 'parse' ? `parse ${fed}, ${chunks}, ${shape}, ${size} B` : `format ${shape}, ${size} B`
}

function shown({ name, median, fastest, ratio, ratioOfFastest }, index) {
  const times = `${name} ${median.toFixed(0)} ns (${fastest.toFixed(0)})`
  return index === 0 ? times : `${times} x${ratio.toFixed(2)} (x${ratioOfFastest.toFixed(2)})`
}

function middle(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

function round(number, digits) {
  return Number(number.toFixed(digits))
}
