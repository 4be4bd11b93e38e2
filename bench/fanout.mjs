// One item to thousands of readers, against the peers: prints tables, writes results/fanout.json, docs/images/fanout.svg and
// the tables of docs/performance.md.
// Exits non-zero when items were lost, doubled or out of order; never because of a time.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { contenders } from './fanout/contenders.mjs'
import { plot } from './fanout/plot.mjs'
import { scenarios } from './fanout/scenarios.mjs'
import { lineOf, markdown, printTable } from './fanout/tables.mjs'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    contenders: { type: 'string', default: '' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'no-write': { type: 'boolean', default: false },
    // Without measuring: the picture and the tables of the results that are there.
    show: { type: 'boolean', default: false },
  },
})

const results = new URL('results/fanout.json', import.meta.url)
const picture = new URL('../docs/images/fanout.svg', import.meta.url)
const page = new URL('../docs/performance.md', import.meta.url)
const [load] = loadavg()
const size = values.quick ? 'quick' : 'full'
const chosen = choose(values.only, Object.keys(scenarios), 'scenario')
const compared = choose(values.contenders, Object.keys(contenders), 'contender').filter((name) => {
  if (contenders[name].missing) console.log(`without ${name}: ${contenders[name].missing}`)
  return !contenders[name].missing
})

if (values.show) show()
else await measureAll()

async function measureAll() {
  if (process.platform !== 'linux') throw new Error('this benchmark reads /proc and waits with epoll: it needs Linux')
  const folder = mkdtempSync(join(tmpdir(), 'fanout-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const tools = { folder, readers: compile('readers.c'), writer: compile('servers/writer.c') }
  const measured = {}
  // A server that has to wait for a CPU is late, and who is late joins items: both look unlike what an idle machine shows.
  if (load > 0.5) console.log(`the machine is busy (load ${load.toFixed(1)}): wait, or don't trust the figures`)
  for (const name of chosen) {
    const result = await compare(name, tools)
    if (result) measured[name] = result
  }
  const faults = Object.values(measured).flatMap(({ cells }) => Object.values(cells).flatMap(({ faults }) => faults))
  if (faults.length > 0) {
    console.error(`items went wrong in ${faults.length} measurements: no result is worth anything`)
    process.exitCode = 1
  } else if (values.quick || values['no-write']) console.log('\nnot written')
  else if (compared.length < Object.keys(contenders).length) console.log('\nnot written: only with all contenders')
  else save(measured)

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
      of[cell.name] = await cell.run(tools, { ...(cell.sizes ?? sizes), ...cell })
      console.log(`  round ${round + 1}, ${cell.name.padEnd(20)} ${lineOf(scenario, of[cell.name])}`)
      if (of[cell.name].faults.length > 0) console.error(`  ${cell.name}: ${of[cell.name].faults.join(', ')}`)
    }
    rounds.push(of)
  }
  const result = summaryOf(scenario, cells, rounds, sizes)
  printTable(scenario, result)
  return result
}

function summaryOf(scenario, cells, rounds, sizes) {
  const names = cells.map((cell) => cell.name)
  return {
    about: scenario.about(sizes),
    date: new Date().toISOString().slice(0, 10),
    load: rounded(load),
    sizes,
    rounds: rounds.length,
    cells: Object.fromEntries(
      names.map((name) => {
        const keys = Object.keys(rounds[0][name]).filter((key) => key !== 'faults')
        const medians = keys.map((key) => [key, rounded(middle(rounds.map((round) => round[name][key])))])
        return [name, { ...Object.fromEntries(medians), faults: rounds.flatMap((round) => round[name].faults) }]
      }),
    ),
    ratios: (scenario.ratios ?? [])
      .filter(([, a, b]) => names.includes(a) && names.includes(b))
      .map(([key, a, b, goal]) => {
        const ratios = rounds.map((round) => rounded(round[a][key] / round[b][key]))
        return { key, a, b, ratio: middle(ratios), ofRounds: ratios, goal }
      }),
  }
}

/** Scenarios that were left out keep what an earlier run has found. */
function save(measured) {
  const about = {
    node: process.version,
    kernel: release(),
    cpu: `${cpus().length} x ${cpus()[0]?.model.trim()}`,
    packages: { 'better-sse': JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')).dependencies['better-sse'] },
    unit: 'microseconds and bytes; the median of all rounds; a ratio is the median of the ratios of the rounds',
  }
  const merged = { ...earlier(), ...measured }
  const inOrder = Object.fromEntries(Object.keys(scenarios).flatMap((name) => (merged[name] ? [[name, merged[name]]] : [])))
  mkdirSync(new URL('.', results), { recursive: true })
  // Lists of numbers in one line each, as the formatter wants them.
  const text = JSON.stringify({ ...about, scenarios: inOrder }, null, 2).replace(/\[[\d\s.,]+\]/g, (list) =>
    list.replace(/\s+/g, ' ').replace(/\[ | \]/g, (edge) => edge.trim()),
  )
  writeFileSync(results, `${text}\n`)
  show()
}

/** Puts what the results file has into the picture and between the marks of the page. */
function show() {
  const all = JSON.parse(readFileSync(results, 'utf8'))
  writeFileSync(picture, plot(all))
  let text = readFileSync(page, 'utf8')
  for (const [name, result] of Object.entries(all.scenarios)) {
    const [begin, end] = [`<!-- fanout:${name} -->`, `<!-- /fanout:${name} -->`]
    const [from, to] = [text.indexOf(begin), text.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`docs/performance.md has no place for ${name}: ${begin} ... ${end}`)
    text = `${text.slice(0, from + begin.length)}\n${markdown(scenarios[name], result)}\n${text.slice(to)}`
  }
  writeFileSync(page, text)
  console.log('written: docs/images/fanout.svg, docs/performance.md, from bench/results/fanout.json')
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

/** `null` where nothing was to be measured. */
function middle(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

function rounded(number) {
  return number === null ? null : Number(number.toPrecision(4))
}
