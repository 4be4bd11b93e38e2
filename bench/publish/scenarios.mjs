// What is measured: who publishes to whom, and the figures that come of it.
import { fileURLToPath } from 'node:url'
import { setTimeout } from 'node:timers/promises'
import { cpuOf, Late, start } from '../fanout/processes.mjs'
import { startReaders } from '../fanout/readers.mjs'

const thousands = (number) => Math.round(number).toLocaleString('en')
const time = (micros) => (micros >= 10_000 ? `${(micros / 1000).toFixed(0)} ms` : `${(micros / 1000).toFixed(1)} ms`)
const microseconds = (micros) => `${micros.toFixed(1)} µs`

// A store is measured when it is full: each item that comes makes one go. It holds as many as are published, so that no reader, however
// far behind, is told of a gap.
export const sizesOf = {
  full: { rounds: 5, connections: 100, inFlight: 256, kept: 100_000, count: 100_000, within: 10_000, size: 100 },
  quick: { rounds: 1, connections: 100, inFlight: 256, kept: 10_000, count: 10_000, within: 10_000, size: 100 },
}

const cells = [
  { name: 'disk', engine: 'fsync' },
  { name: 'disk, process', engine: 'process' },
  { name: 'memory', engine: 'memory' },
  { name: 'disk, no readers', engine: 'fsync', connections: 0 },
  { name: 'file', engine: 'file', connections: 0 },
]
export const cellNames = cells.map(({ name }) => name)

const columns = [
  ['perSecond', 'items/s', thousands],
  ['stored50', 'stored after, p50', time],
  ['stored99', 'p99', time],
  ['cpuPerItem', 'CPU per item', microseconds],
  ['readersCpuPerItem', 'of the readers', microseconds],
  ['behind', 'readers behind at the end', time],
]

const ratios = ['disk, process', 'memory', 'disk, no readers', 'file'].map((other) => ['perSecond', 'disk', other])

function scenario({ topics, follow, asOne, readersFollow }) {
  const about = ({ connections, inFlight, size }) =>
    `Items of ${size} bytes to ${topics === 1 ? 'one topic' : `${topics} topics`}, ${inFlight} in flight; ${connections} readers ${readersFollow}`
  return { about, columns, ratios, cells, run: (tools, sizes) => measure(tools, { ...sizes, topics, follow, asOne }) }
}

export const scenarios = {
  one: scenario({ topics: 1, follow: 1, asOne: false, readersFollow: 'of it' }),
  several: scenario({ topics: 100, follow: 5, asOne: false, readersFollow: 'with a set of 5 of their own' }),
  pattern: scenario({ topics: 100, follow: 100, asOne: true, readersFollow: 'of a pattern that matches all' }),
}

async function measure({ readers: program, path, profile }, { engine, connections, topics, follow, asOne, ...sizes }) {
  const { kept, count, within, inFlight, size } = sizes
  const server = await startServer({ engine, path, topics, asOne, kept }, profile)
  let readers
  try {
    // Nobody looks at these, and they need not be fast.
    if (engine !== 'file') await server.publish(4096, kept, 60_000, size)
    if (connections > 0) {
      // To the readers a pattern is one topic with everything.
      const followed = asOne ? { topics: 1, follow: 1 } : { topics, follow }
      readers = await startReaders(program, server.port, {
        connections,
        ...followed,
        first: kept / followed.topics + 1,
        atOnce: connections - 1,
      })
      await setTimeout(200)
    }
    const cpu = cpuOf(server.pid).all
    const readersCpu = readers ? cpuOf(readers.pid).all : 0
    const published = await server.publish(inFlight, count, within, size)
    const stored = now()
    const each = (published.count * follow) / topics
    const reachedAt = await readers?.reached(each, { within: 60_000 }).catch(unlessLate)
    const report = await (reachedAt === undefined ? readers && settledReport(readers) : readers.report())
    return {
      items: published.count,
      perSecond: published.count / (published.time / 1000),
      stored50: published.p50,
      stored99: published.p99,
      cpuPerItem: (cpuOf(server.pid).all - cpu) / published.count,
      readersCpuPerItem: readers ? (cpuOf(readers.pid).all - readersCpu) / published.count : null,
      behind: reachedAt === undefined ? null : Math.max(0, reachedAt - stored),
      faults: report ? faultsOf(report, connections * each) : [],
    }
  } finally {
    await readers?.stop()
    await server.stop()
  }
}

async function startServer(options, profile) {
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const server = start(process.execPath, [...flags, fileURLToPath(new URL('server.mjs', import.meta.url)), JSON.stringify(options)])
  try {
    const port = Number((await server.said(/^ready /)).split(' ')[1])
    return { pid: server.pid, port, publish, stop: server.stop }
  } catch (error) {
    await server.stop()
    throw error
  }

  async function publish(inFlight, count, within, size) {
    server.say(`publish ${inFlight} ${count} ${within} ${size}`)
    return JSON.parse(await server.said(/"published"/, { within: within + 60_000 }))
  }
}

/** Who is late has lost nothing: only once nothing comes any more. `undefined` while something does. */
async function settledReport(readers) {
  const before = await readers.report()
  await setTimeout(5_000)
  const after = await readers.report()
  return after.items === before.items ? after : undefined
}

function unlessLate(error) {
  if (!(error instanceof Late)) throw error
}

function faultsOf({ missing, repeated, disordered, broken, closed, skipped, items }, expected) {
  const counts = {
    lost: missing,
    doubled: repeated,
    disordered,
    unreadable: broken,
    closed,
    // Everything was kept.
    'told to be lost': skipped,
    'more or fewer than published': Math.abs(expected - items - missing),
  }
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${thousands(count)} ${what}`)
}

function now() {
  return Number(process.hrtime.bigint() / 1000n)
}
