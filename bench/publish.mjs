// How fast a hub publishes while its readers follow, by engine: prints tables, writes results/publish.json and the tables of
// docs/performance.md.
// Exits non-zero when items were lost, doubled or out of order; never because of a time.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { markdown, printTable } from './fanout/tables.mjs'
import { cellNames, scenarios, sizesOf } from './publish/scenarios.mjs'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    cells: { type: 'string', default: '' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'no-write': { type: 'boolean', default: false },
    // Where the stores are: on a disk.
    folder: { type: 'string', default: tmpdir() },
    // Where the servers leave their CPU profiles.
    profile: { type: 'string' },
  },
})

const TMPFS = 0x01021994
const GOAL = 20_000
const results = new URL('results/publish.json', import.meta.url)
const page = new URL('../docs/performance.md', import.meta.url)
const [load] = loadavg()
const { rounds: usual, ...sizes } = sizesOf[values.quick ? 'quick' : 'full']
const chosen = choose(values.only, Object.keys(scenarios), 'scenario')
const compared = choose(values.cells, cellNames, 'cell')

if (process.platform !== 'linux') throw new Error('this benchmark reads /proc and waits with epoll: it needs Linux')
if (statfsSync(values.folder).type === TMPFS) throw new Error(`${values.folder} is in memory, with nothing to sync: --folder on a disk`)
if (load > 0.5) console.log(`the machine is busy (load ${load.toFixed(1)}): wait, or don't trust the figures`)

const folder = mkdtempSync(join(values.folder, 'publish-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const readers = join(folder, 'readers')
execFileSync('cc', ['-O2', '-o', readers, fileURLToPath(new URL('fanout/readers.c', import.meta.url))], { stdio: 'inherit' })

const measured = {}
for (const name of chosen) measured[name] = await compare(name)
const faulty = Object.values(measured).flatMap(({ cells }) => Object.values(cells).filter(({ faults }) => faults.length > 0))
tellGoal()
if (faulty.length > 0) {
  console.error(`items went wrong in ${faulty.length} cells: no result is worth anything`)
  process.exitCode = 1
} else if (values.quick || values['no-write'] || values.only || values.cells || values.profile) console.log('not written')
else save()

async function compare(name) {
  const scenario = scenarios[name]
  const cells = scenario.cells.filter((cell) => compared.includes(cell.name))
  const rounds = []
  console.log(`\n${name}: ${scenario.about(sizes)}`)
  for (let round = 0; round < Number(values.rounds ?? usual); round++) {
    const of = {}
    // Who goes first takes turns: a disk gets busy, and a machine's neighbours come and go.
    for (const cell of [...cells.slice(round % cells.length), ...cells.slice(0, round % cells.length)]) {
      const path = mkdtempSync(join(folder, 'store-'))
      of[cell.name] = await scenario.run({ readers, path, profile: values.profile }, { ...sizes, ...cell })
      rmSync(path, { recursive: true })
      const { perSecond, faults } = of[cell.name]
      console.log(`  round ${round + 1}, ${cell.name.padEnd(18)} ${thousands(perSecond).padStart(9)} items/s`)
      if (faults.length > 0) console.error(`  ${cell.name}: ${faults.join(', ')}`)
    }
    rounds.push(of)
  }
  const result = summaryOf(scenario, cells, rounds)
  printTable(scenario, result)
  return result
}

function summaryOf(scenario, cells, rounds) {
  const names = cells.map(({ name }) => name)
  const middles = (name) =>
    Object.keys(rounds[0][name])
      .filter((key) => key !== 'faults')
      .map((key) => [key, rounded(middle(rounds.map((round) => round[name][key])))])
  return {
    about: scenario.about(sizes),
    date: new Date().toISOString().slice(0, 10),
    load: rounded(load),
    sizes,
    rounds: rounds.length,
    cells: Object.fromEntries(
      names.map((name) => [
        name,
        {
          ...Object.fromEntries(middles(name)),
          perSecondOfRounds: rounds.map((round) => rounded(round[name].perSecond)),
          faults: rounds.flatMap((round) => round[name].faults),
        },
      ]),
    ),
    ratios: scenario.ratios
      .filter(([, a, b]) => names.includes(a) && names.includes(b))
      .map(([key, a, b]) => {
        const ofRounds = rounds.map((round) => rounded(round[a][key] / round[b][key]))
        return { key, a, b, ratio: middle(ofRounds), ofRounds }
      }),
  }
}

function tellGoal() {
  for (const [name, { cells }] of Object.entries(measured)) {
    if (cells.disk) console.log(`\ngoal, ${name}: disk with fsync ${goalOf(cells.disk)}`)
  }
}

/** A median near the goal hides that some rounds were below it. */
function goalOf({ perSecond, perSecondOfRounds }) {
  const [lowest, highest] = [Math.min(...perSecondOfRounds), Math.max(...perSecondOfRounds)]
  return `${thousands(perSecond)} items/s (goal: at least ${thousands(GOAL)}; rounds from ${thousands(lowest)} to ${thousands(highest)})`
}

/** The results, and what they say between the marks of the page. */
function save() {
  const about = {
    node: process.version,
    kernel: release(),
    cpu: `${cpus().length} x ${cpus()[0]?.model.trim()}`,
    unit: 'items per second, microseconds; the median of all rounds; a ratio is the median of the ratios of the rounds',
    goal: GOAL,
  }
  mkdirSync(new URL('.', results), { recursive: true })
  // Lists of numbers in one line each, as the formatter wants them.
  const text = JSON.stringify({ ...about, scenarios: measured }, null, 2).replace(/\[[\d\s.,]+\]/g, (list) =>
    list.replace(/\s+/g, ' ').replace(/\[ | \]/g, (edge) => edge.trim()),
  )
  writeFileSync(results, `${text}\n`)
  let shown = readFileSync(page, 'utf8')
  for (const [name, result] of Object.entries(measured)) {
    const [begin, end] = [`<!-- publish:${name} -->`, `<!-- /publish:${name} -->`]
    const [from, to] = [shown.indexOf(begin), shown.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`docs/performance.md has no place for ${name}: ${begin} ... ${end}`)
    const table = `${markdown(scenarios[name], result)}\n- disk with fsync: **${goalOf(result.cells.disk)}**`
    shown = `${shown.slice(0, from + begin.length)}\n${table}\n${shown.slice(to)}`
  }
  writeFileSync(page, shown)
  console.log('written: bench/results/publish.json, docs/performance.md')
}

function choose(text, names, what) {
  if (text === '') return names
  const asked = text.split(',')
  const unknown = asked.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Error(`no ${what} is called ${unknown}: ${names.join(', ')}`)
  return asked
}

/** `null` where nothing was to be measured. */
function middle(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

function thousands(number) {
  return Math.round(number).toLocaleString('en')
}

function rounded(number) {
  return number === null ? null : Number(number.toPrecision(4))
}
