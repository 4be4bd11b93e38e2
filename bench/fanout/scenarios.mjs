// What is measured. A scenario has sizes, cells (who is measured, and how) and the ratios that compare them.
// A cell answers numbers, and `faults`: what its readers missed, had twice or in the wrong order.
import { existsSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { contenders } from './contenders.mjs'
import { cpuOf, Late, memoryOf } from './processes.mjs'
import { startReaders } from './readers.mjs'
import { now } from './servers/serve.mjs'

const all = Object.keys(contenders)
const MB = 1_000_000
const diskBuilt = existsSync(new URL('../../dist/engines/disk/index.js', import.meta.url))

const time = (micros) => (micros >= 10_000 ? `${(micros / 1000).toFixed(0)} ms` : `${(micros / 1000).toFixed(1)} ms`)
const microseconds = (micros) => `${micros.toFixed(2)} µs`
const megabytes = (bytes) => `${(bytes / MB).toFixed(1)} MB`
const thousands = (number) => Math.round(number).toLocaleString('en')

const columnsOfFan = [
  ['cpuPerDelivery', 'CPU per delivery', microseconds],
  ['kernelPerDelivery', 'of that kernel', microseconds],
  ['deliveredPerSecond', 'delivered/s', thousands],
  ['deliveredShare', 'delivered', (share) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`],
  ['p50', 'p50', time],
  ['p99', 'p99', time],
]

export const scenarios = {
  cpu: {
    about: ({ connections, rate, size }) => `${thousands(connections)} connections, one topic, ${rate} items of ${size} bytes a second`,
    full: { rounds: 5, connections: 5_000, rate: 10, warm: 20, count: 100, size: 100 },
    quick: { rounds: 1, connections: 500, rate: 20, warm: 10, count: 30, size: 100 },
    columns: columnsOfFan,
    cells: () => all.map((name) => ({ name, contender: name, run: fan })),
    ratios: [
      ['cpuPerDelivery', 'server-sent', 'node:http', 1.1],
      ['cpuPerDelivery', 'server-sent', 'C', 1.35],
      ['cpuPerDelivery', 'server-sent', 'Nchan', 1],
      ['cpuPerDelivery', 'server-sent', 'better-sse', 0.5],
    ],
  },
  overload: {
    about: ({ connections, rate, size }) =>
      `${thousands(connections)} connections, one topic, ${rate} items of ${size} bytes a second: ${thousands(connections * rate)} deliveries/s are asked for`,
    full: { rounds: 3, connections: 5_000, rate: 200, warm: 20, count: 2_000, size: 100, patience: 5 },
    quick: { rounds: 1, connections: 500, rate: 500, warm: 20, count: 500, size: 100, patience: 1 },
    columns: columnsOfFan,
    cells: () => all.map((name) => ({ name, contender: name, run: fan })),
    ratios: [['cpuPerDelivery', 'server-sent', 'node:http']],
    limits: [['p99', 'server-sent', 300_000, time]],
  },
  idle: {
    about: ({ connections }) => `${thousands(connections)} connections on which nothing happens, in one process`,
    full: { rounds: 3, connections: 15_000 },
    quick: { rounds: 1, connections: 1_000 },
    columns: [['bytesPerConnection', 'memory per connection', (bytes) => `${(bytes / 1000).toFixed(1)} kB`]],
    cells: () => all.map((name) => ({ name, contender: name, run: idle })),
    ratios: [
      ['bytesPerConnection', 'server-sent', 'node:http', 1.25],
      ['bytesPerConnection', 'server-sent', 'better-sse'],
    ],
  },
  comeback: {
    about: ({ connections, live, behind }) =>
      `${thousands(connections)} clients come back at once, each ${behind} items behind, while ${thousands(live)} live readers go on`,
    full: { rounds: 3, connections: 5_000, live: 1_000, behind: 100, rate: 10, size: 100, seconds: 15 },
    quick: { rounds: 1, connections: 500, live: 100, behind: 100, rate: 10, size: 100, seconds: 1 },
    columns: [
      ['caughtUp', 'all caught up after', time],
      ['liveP99Before', 'p99 of the live ones before', time],
      ['liveP99', 'meanwhile', time],
    ],
    cells: () => ['server-sent', 'Nchan'].map((name) => ({ name, contender: name, run: comeback })),
    ratios: [['caughtUp', 'server-sent', 'Nchan']],
    limits: [
      ['caughtUp', 'server-sent', 5_000_000, time],
      ['liveP99', 'server-sent', 250_000, time],
    ],
  },
  topics: {
    about: ({ connections, topics, follow, rate }) =>
      `${thousands(connections)} connections over ${thousands(topics)} topics, each with a set of ${follow} of its own; ${thousands(rate)} items a second`,
    full: { rounds: 3, connections: 10_000, topics: 1_000, follow: 5, rate: 1_000, warm: 2_000, count: 10_000, size: 100 },
    quick: { rounds: 1, connections: 1_000, topics: 100, follow: 5, rate: 400, warm: 200, count: 600, size: 100 },
    columns: columnsOfFan,
    cells: (sizes) => [
      { name: 'one topic', contender: 'server-sent', run: fan, sizes: scenarios.cpu[sizes] },
      { name: 'five topics each', contender: 'server-sent', run: fan },
      { name: 'node:http, one topic', contender: 'node:http', run: fan, sizes: scenarios.cpu[sizes] },
      { name: 'node:http, five topics each', contender: 'node:http', run: fan },
    ],
    ratios: [
      ['cpuPerDelivery', 'five topics each', 'one topic', 1.3],
      ['cpuPerDelivery', 'node:http, five topics each', 'node:http, one topic'],
      ['cpuPerDelivery', 'five topics each', 'node:http, five topics each'],
    ],
  },
  slow: {
    about: ({ connections, count, size }) =>
      `${connections} readers; ${thousands((count * size) / MB)} MB are published in items of ${thousands(size)} bytes; the stalled one doesn't read meanwhile`,
    full: { rounds: 3, connections: 100, rate: 500, warm: 1_500, count: 10_000, size: 10_000, disk: 200 * MB, memory: 10 * MB },
    quick: { rounds: 1, connections: 20, rate: 1_000, warm: 1_000, count: 1_500, size: 10_000, disk: 40 * MB, memory: 2 * MB },
    columns: [
      ['growthPeak', 'memory grows by', megabytes],
      ['growth', 'after a collection', megabytes],
      ['growthInAll', 'since the first item', megabytes],
      ['p50', 'p50 of the others', time],
      ['p99', 'p99', time],
      ['gaps', 'gaps told', String],
      ['skipped', 'items in them', thousands],
      ['caughtUp', 'stalled one caught up after', time],
    ],
    cells: () => [
      ...(diskBuilt
        ? [
            { name: 'disk, none stalled', ...slowCell('disk', 0) },
            { name: 'disk, one stalled', ...slowCell('disk', 1) },
          ]
        : []),
      { name: 'memory, none stalled', ...slowCell('memory', 0) },
      { name: 'memory, one stalled', ...slowCell('memory', 1) },
    ],
    ratios: [
      ['p99', 'disk, one stalled', 'disk, none stalled', 1.5],
      ['p99', 'memory, one stalled', 'memory, none stalled', 1.5],
    ],
    limits: [
      ['growth', 'disk, one stalled', 20 * MB, megabytes],
      ['growth', 'memory, one stalled', 20 * MB, megabytes],
      ['gaps', 'disk, one stalled', 0, String],
      ['gaps', 'memory, one stalled', 1, String],
    ],
  },
}

/** Everybody follows, items are published at a rate: CPU, throughput, latency. */
async function fan(tools, { contender, connections, topics = 1, follow = 1, rate, warm, count, size, patience = 20 }) {
  const server = await contenders[contender].start(tools)
  let readers
  try {
    readers = await startReaders(tools.readers, server.port, { connections, topics, follow })
    await setTimeout(500)
    const each = follow / topics // of the items, for each reader
    await Promise.all([server.publish(Math.min(rate, 100 * topics), warm, size, topics), readers.reached(warm * each, { within: 30_000 })])
    readers.reset()
    await readers.report()

    const cpu = cpuOf(server.pid)
    const cpuOfReaders = cpuOf(readers.pid)
    const begun = now()
    const published = server.publish(rate, count, size, topics)
    published.catch(() => {}) // who is stopped while publishing has nothing to say
    const within = (count / rate + patience) * 1_000
    const ended = await readers.reached((warm + count) * each, { within }).catch(unlessLate)
    const used = cpuOf(server.pid)
    const report = await readers.report()
    const lost = ended === undefined ? await lostWithoutTrace(server, readers, report, connections * count * each) : 0
    return {
      cpuPerDelivery: (used.all - cpu.all) / report.items,
      kernelPerDelivery: (used.kernel - cpu.kernel) / report.items,
      readersCpuPerDelivery: (cpuOf(readers.pid).all - cpuOfReaders.all) / report.items,
      deliveredPerSecond: report.items / (((ended ?? report.at) - begun) / 1e6),
      deliveredShare: report.items / (connections * count * each),
      ...latencies(report),
      faults: faultsOf(report, lost),
    }
  } finally {
    await readers?.stop()
    await server.stop()
  }
}

/** A server that can't keep up is late. What comes no more while it has nothing to do is lost. */
async function lostWithoutTrace(server, readers, { items }, expected) {
  const cpu = cpuOf(server.pid).all
  await setTimeout(2_000)
  const later = await readers.report()
  const idle = cpuOf(server.pid).all - cpu < 500_000
  return idle && later.items === items ? expected - items - later.missing : 0
}

async function idle(tools, { contender, connections }) {
  const server = await contenders[contender].start(tools)
  let readers
  try {
    await setTimeout(500)
    const before = await settledMemory(server)
    readers = await startReaders(tools.readers, server.port, { connections })
    await setTimeout(500)
    const bytesPerConnection = ((await settledMemory(server)) - before) / connections
    return { bytesPerConnection, faults: faultsOf(await readers.report()) }
  } finally {
    await readers?.stop()
    await server.stop()
  }
}

async function settledMemory(server) {
  await server.collect()
  await setTimeout(200)
  await server.collect()
  return memoryOf(server.pid)
}

async function comeback(tools, { contender, connections, live, behind, rate, size, seconds }) {
  const server = await contenders[contender].start({ ...tools, hub: { history: { size: 10_000, bytes: 10 * MB } } })
  const started = []
  try {
    const stayed = await startReaders(tools.readers, server.port, { connections: live })
    started.push(stayed)
    await setTimeout(500)
    const seen = 10
    await Promise.all([server.publish(50, seen, size, 1), stayed.reached(seen, { within: 10_000 })])
    const { lastEventId } = await stayed.report()

    // The last of what they missed comes at the pace that goes on, to see what the live readers have without them.
    const paced = 2 * rate
    await Promise.all([server.publish(200, behind - paced, size, 1), stayed.reached(seen + behind - paced, { within: 10_000 })])
    stayed.reset()
    const rest = seconds * rate
    const published = server.publish(rate, paced + rest, size, 1)
    await stayed.reached(seen + behind, { within: 30_000 })
    const before = await stayed.report()
    stayed.reset()
    await stayed.report()

    const returned = await startReaders(tools.readers, server.port, { connections, first: seen + 1, atOnce: connections, lastEventId })
    started.push(returned)
    const caughtUpAt = await returned.reached(behind, { within: 30_000 }).catch(unlessLate)
    const meanwhile = await stayed.report()

    await published
    await Promise.all([
      stayed.reached(seen + behind + rest, { within: 10_000 }).catch(unlessLate),
      returned.reached(behind + rest, { within: 10_000 }).catch(unlessLate),
    ])
    const reports = await Promise.all(started.map((readers) => readers.report()))
    const missing = live - reports[0].reached + (connections - reports[1].reached)
    return {
      caughtUp: caughtUpAt === undefined ? null : caughtUpAt - returned.begun,
      liveP99Before: latencies(before).p99,
      liveP99: latencies(meanwhile).p99,
      faults: [...reports.flatMap((report) => faultsOf(report)), ...(missing > 0 ? [`${missing} readers without the last item`] : [])],
    }
  } finally {
    for (const readers of started) await readers.stop()
    await server.stop()
  }
}

function slowCell(engine, stalled) {
  return { contender: 'server-sent', run: slow, engine, stalled }
}

async function slow(tools, { contender, connections, rate, warm, count, size, engine, stalled, ...bytes }) {
  const hub = { history: { size: 1_000_000, bytes: bytes[engine] }, stallTimeout: 300_000, maxLag: 1_000 * MB }
  if (engine === 'disk') hub.disk = mkdtempSync(join(tools.folder, 'disk-'))
  const server = await contenders[contender].start({ ...tools, hub })
  const started = []
  try {
    const others = await startReaders(tools.readers, server.port, { connections: connections - stalled })
    started.push(others)
    const one = stalled > 0 ? await startReaders(tools.readers, server.port, { connections: 1 }) : undefined
    if (one) started.push(one)
    await setTimeout(500)
    const empty = await settledMemory(server)
    // What the hub keeps anyway, its ring and the heap that Node grows at first, is full before the reader stalls.
    await Promise.all([server.publish(rate, warm, size, 1), ...started.map((readers) => readers.reached(warm, { within: 30_000 }))])
    one?.stall()
    others.reset()
    await others.report()

    const memory = await settledMemory(server)
    let peak = memory
    const sampling = setInterval(() => (peak = Math.max(peak, memoryOf(server.pid))), 100)
    try {
      await Promise.all([server.publish(rate, count, size, 1), others.reached(warm + count, { within: (count / rate + 60) * 1_000 })])
    } finally {
      clearInterval(sampling)
    }
    const report = await others.report()
    const after = await settledMemory(server)

    const more = 10
    const begun = now()
    one?.resume()
    await server.publish(100, more, size, 1)
    const last = await (one ? caughtUp(one, warm + count + more) : undefined)
    return {
      growthPeak: peak - memory,
      growth: after - memory,
      growthInAll: after - empty,
      ...latencies(report),
      gaps: last?.gaps ?? null,
      skipped: last?.skipped ?? null,
      caughtUp: last ? last.at - begun : null,
      faults: [...faultsOf(await others.report()), ...(last ? faultsOf(last, warm + count + more - last.items - last.skipped) : [])],
    }
  } finally {
    for (const readers of started) await readers.stop()
    await server.stop()
  }
}

/** The report in which every item was had or told to be missing, or the last one before patience ends. */
async function caughtUp(one, items) {
  const until = now() + 60e6
  for (;;) {
    const report = await one.report()
    if (report.items + report.skipped >= items || now() > until) return report
    await setTimeout(20)
  }
}

function latencies({ histogram, worst }) {
  const total = histogram.reduce((sum, [, count]) => sum + count, 0)
  const quantile = (share) => {
    let seen = 0
    return histogram.find(([, count]) => (seen += count) >= total * share)?.[0] ?? 0
  }
  return { p50: quantile(0.5), p99: quantile(0.99), worst }
}

function faultsOf(report, lost = 0) {
  const counts = {
    lost: lost + report.missing,
    doubled: report.repeated,
    disordered: report.disordered,
    unreadable: report.broken,
    closed: report.closed,
  }
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${thousands(count)} ${what}`)
}

function unlessLate(error) {
  if (!(error instanceof Late)) throw error
}
