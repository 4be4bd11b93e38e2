// All engines in one run: how fast they take items, how soon another node has them, how long a client that was away waits.
// Prints a table, writes results/engines.json and the table of docs/engines.md. Exits non-zero when items went wrong; never because of a time.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { stores } from './engines/stores.mjs'
import { markdown, printTable } from './fanout/tables.mjs'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'no-write': { type: 'boolean', default: false },
    // Where the stores are: on a disk.
    folder: { type: 'string', default: tmpdir() },
  },
})

const results = new URL('results/engines.json', import.meta.url)
const page = new URL('../docs/engines.md', import.meta.url)
const trial = fileURLToPath(new URL('engines/trial.mjs', import.meta.url))
const sizes = values.quick
  ? { rounds: 1, count: 5_000, within: 3_000, inFlight: 64, calm: 100, behind: 2_000, size: 100 }
  : { rounds: 5, count: 100_000, within: 10_000, inFlight: 64, calm: 1_000, behind: 10_000, size: 100 }
const time = (micros) => (micros >= 10_000 ? `${(micros / 1000).toFixed(0)} ms` : `${(micros / 1000).toFixed(2)} ms`)
const thousands = (number) => Math.round(number).toLocaleString('en')
const scenario = {
  columns: [
    ['perSecond', 'publishes/s', thousands],
    ['publishP50', 'publish p50', time],
    ['publishP99', 'p99', time],
    ['p50', 'to a reader p50', time],
    ['p99', 'p99', time],
    ['resume', `resume of ${thousands(sizes.behind)}`, time],
  ],
}
const about = `${sizes.inFlight} publishers at once, items of ${sizes.size} bytes; then ${thousands(sizes.calm)} items, one every 4 ms, to a reader on another node (memory: the same); then a client ${thousands(sizes.behind)} items behind, on a node that has just begun`

const asked = values.only === '' ? Object.keys(stores) : values.only.split(',')
const unknown = asked.find((name) => stores[name] === undefined)
if (unknown !== undefined) throw new Error(`no engine is called ${unknown}: ${Object.keys(stores).join(', ')}`)
const missing = asked.filter((name) => stores[name].missing)
for (const name of missing) console.log(`${name} is left out: ${stores[name].missing}`)
const chosen = asked.filter((name) => !missing.includes(name))
const [load] = loadavg()
if (load > 0.5) console.log(`the machine is busy (load ${load.toFixed(1)}): wait, or don't trust the figures`)

const folder = mkdtempSync(join(values.folder, 'engines-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const rounds = []
for (let round = 0; round < Number(values.rounds ?? sizes.rounds); round++) {
  const of = {}
  // Who goes first takes turns.
  for (const name of [...chosen.slice(round % chosen.length), ...chosen.slice(0, round % chosen.length)]) {
    of[name] = await run(name)
    console.log(`  round ${round + 1}, ${name.padEnd(16)} ${thousands(of[name].perSecond).padStart(8)} publishes/s`)
    for (const fault of of[name].faults) console.error(`  ${name}: ${fault}`)
  }
  rounds.push(of)
}

const cells = Object.fromEntries(chosen.map((name) => [stores[name].title, mediansOf(name)]))
const result = {
  about,
  date: new Date().toISOString().slice(0, 10),
  load: Number(load.toPrecision(3)),
  rounds: rounds.length,
  sizes,
  cells,
  ratios: [],
}
printTable(scenario, result)
if (rounds.some((of) => Object.values(of).some(({ faults }) => faults.length > 0))) {
  console.error('items went wrong: no result is worth anything')
  process.exitCode = 1
} else if (values.quick || values['no-write'] || chosen.length < Object.keys(stores).length) console.log('not written')
else save()

async function run(name) {
  const path = mkdtempSync(join(folder, 'store-'))
  const { options, stop } = await stores[name].start(path)
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [trial, JSON.stringify({ store: options, ...sizes })], {
      timeout: 300_000,
    })
    return JSON.parse(stdout)
  } finally {
    await stop()
    rmSync(path, { recursive: true, force: true })
  }
}

function mediansOf(name) {
  const keys = scenario.columns.map(([key]) => key)
  return Object.fromEntries(
    keys.map((key) => {
      const sorted = rounds.map((of) => of[name][key]).sort((a, b) => a - b)
      return [key, Number(sorted[sorted.length >> 1].toPrecision(4))]
    }),
  )
}

function save() {
  const machine = { node: process.version, kernel: release(), cpu: `${cpus().length} x ${cpus()[0]?.model.trim()}` }
  mkdirSync(new URL('.', results), { recursive: true })
  writeFileSync(
    results,
    `${JSON.stringify({ ...machine, unit: 'items per second, microseconds; medians of the rounds', ...result }, null, 2)}\n`,
  )
  const text = readFileSync(page, 'utf8')
  const [begin, end] = ['<!-- engines -->', '<!-- /engines -->']
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/engines.md has no place for the table: ${begin} ... ${end}`)
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n${markdown(scenario, result)}\n${text.slice(to)}`)
  console.log('written: bench/results/engines.json, docs/engines.md')
}
