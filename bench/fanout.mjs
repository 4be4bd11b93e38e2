// One item to thousands of readers, against the peers: prints tables, writes results/fanout.json and docs/images/fanout.svg.
// Exits non-zero when items were lost, doubled or out of order; never because of a time.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { contenders } from './fanout/contenders.mjs'
import { plot } from './fanout/plot.mjs'
import { scenarios } from './fanout/scenarios.mjs'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    contenders: { type: 'string', default: '' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'no-write': { type: 'boolean', default: false },
    // Without measuring: the picture of the results that are there.
    plot: { type: 'boolean', default: false },
  },
})

const results = new URL('results/fanout.json', import.meta.url)
const picture = new URL('../docs/images/fanout.svg', import.meta.url)
const size = values.quick ? 'quick' : 'full'
const chosen = choose(values.only, Object.keys(scenarios), 'scenario')
const compared = choose(values.contenders, Object.keys(contenders), 'contender').filter((name) => {
  if (contenders[name].missing) console.log(`without ${name}: ${contenders[name].missing}`)
  return !contenders[name].missing
})

if (values.plot) writeFileSync(picture, plot(JSON.parse(readFileSync(results, 'utf8'))))
else await measureAll()

async function measureAll() {
  if (process.platform !== 'linux') throw new Error('this benchmark reads /proc and waits with epoll: it needs Linux')
  const folder = mkdtempSync(join(tmpdir(), 'fanout-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const tools = { folder, readers: compile('readers.c'), writer: compile('servers/writer.c') }
  const measured = {}
  for (const name of chosen) {
    const result = await compare(name, tools)
    if (result) measured[name] = result
  }
  const faults = Object.values(measured).flatMap(({ cells }) => Object.values(cells).flatMap(({ faults }) => faults))
  if (faults.length > 0) {
    console.error(`items went wrong in ${faults.length} measurements: no result is worth anything`)
    process.exitCode = 1
  } else if (!values.quick && !values['no-write']) write(measured)

  function compile(file) {
    const program = join(folder, file.replaceAll('/', '-').replace('.c', ''))
    execFileSync('cc', ['-O2', '-o', program, fileURLToPath(new URL(`fanout/${file}`, import.meta.url))], { stdio: 'inherit' })
    return program
  }
}

async function compare(name, tools) {
  const scenario = scenarios[name]
  const { rounds: usual, ...sizes } = scenario[size]
  const cells = scenario.cells(size).filter(({ contender }) => compared.includes(contender))
  if (cells.length === 0) return
  const rounds = []
  console.log(`\n${name}: ${scenario.about(sizes)}`)
  for (let round = 0; round < Number(values.rounds ?? usual); round++) {
    const of = {}
    // Who goes first takes turns: a machine gets warm, and its neighbours come and go.
    for (const cell of [...cells.slice(round % cells.length), ...cells.slice(0, round % cells.length)]) {
      of[cell.name] = await cell.run(tools, { ...sizes, ...cell, ...cell.sizes })
      const { faults, ...numbers } = of[cell.name]
      console.log(`  round ${round + 1}, ${cell.name.padEnd(20)} ${shown(scenario, numbers).join('   ')}`)
      if (faults.length > 0) console.error(`  ${cell.name}: ${faults.join(', ')}`)
    }
    rounds.push(of)
  }
  const result = summaryOf(scenario, cells, rounds, sizes)
  printTable(scenario, result)
  return result
}

function summaryOf(scenario, cells, rounds, sizes) {
  const of = (cell, key) => middle(rounds.map((round) => round[cell][key]))
  const names = cells.map((cell) => cell.name)
  return {
    about: scenario.about(sizes),
    sizes,
    rounds: rounds.length,
    cells: Object.fromEntries(
      names.map((name) => {
        const numbers = Object.keys(rounds[0][name]).filter((key) => key !== 'faults')
        const faults = rounds.flatMap((round) => round[name].faults)
        return [name, { ...Object.fromEntries(numbers.map((key) => [key, rounded(of(name, key))])), faults }]
      }),
    ),
    ratios: (scenario.ratios ?? [])
      .filter(([, a, b]) => names.includes(a) && names.includes(b))
      .map(([key, a, b, goal]) => ({ key, a, b, ratio: rounded(middle(rounds.map((round) => round[a][key] / round[b][key]))), goal })),
  }
}

function printTable(scenario, { rounds, cells, ratios }) {
  const rows = Object.entries(cells).map(([name, numbers]) => [name, ...shown(scenario, numbers, false)])
  const titles = [`median of ${rounds}`, ...scenario.columns.map(([, title]) => title)]
  const widths = titles.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)))
  for (const row of [titles, ...rows]) console.log(`  ${row.map((text, column) => pad(text, widths[column], column)).join('   ')}`)
  for (const { key, a, b, ratio, goal } of ratios) {
    const title = scenario.columns.find(([column]) => column === key)[1]
    console.log(`  ${a} / ${b}, ${title}: ${ratio.toFixed(2)}${goal === undefined ? '' : ` (goal: at most ${goal})`}`)
  }
  for (const [key, name, goal, show] of scenario.limits ?? []) {
    if (cells[name]) console.log(`  ${name}, ${key}: ${show(cells[name][key])} (goal: ${show(goal)})`)
  }
}

function pad(text, width, column) {
  return column === 0 ? text.padEnd(width) : text.padStart(width)
}

function shown({ columns }, numbers, titled = true) {
  return columns.map(([key, title, show]) => (titled ? `${title} ${show(numbers[key])}` : show(numbers[key])))
}

/** Scenarios that were left out keep what an earlier run has found. */
function write(measured) {
  const whole = chosen.length === Object.keys(scenarios).length && compared.length === Object.keys(contenders).length
  const before = whole ? {} : earlier()
  const about = {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    kernel: release(),
    cpu: `${cpus().length} x ${cpus()[0]?.model.trim()}`,
    packages: { 'better-sse': JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')).dependencies['better-sse'] },
    unit: 'microseconds and bytes; the median of all rounds; a ratio is the median of each round’s ratio',
  }
  const all = { ...about, scenarios: { ...before, ...measured } }
  mkdirSync(new URL('.', results), { recursive: true })
  writeFileSync(results, `${JSON.stringify(all, null, 2)}\n`)
  writeFileSync(picture, plot(all))
  console.log('written: bench/results/fanout.json, docs/images/fanout.svg')
}

function earlier() {
  try {
    return JSON.parse(readFileSync(results, 'utf8')).scenarios
  } catch {
    return {}
  }
}

function choose(text, names, what) {
  if (text === '') return names
  const asked = text.split(',')
  const unknown = asked.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Error(`no ${what} is called ${unknown}: ${names.join(', ')}`)
  return asked
}

function middle(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

function rounded(number) {
  return Number(number.toPrecision(4))
}
