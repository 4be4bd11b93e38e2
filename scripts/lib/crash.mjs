import { spawn } from 'node:child_process'
import { once, setMaxListeners } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'server-sent/client'
import { root } from './files.mjs'

const TOPICS = ['crash/a', 'crash/b', 'crash/c']
// Milliseconds between two publishes to a topic.
const PACE = 1
// How long readers may take to have everything, once the server is there again.
const CATCH_UP = 120_000

/**
 * Kills a server of the package at random moments, again and again, while it is published to and read from, and tells what got lost.
 * Throws at the first item that is lost, doubled or out of order.
 *
 * `rounds` have a history that is long enough: no gap may be told. In each of `gapRounds` readers miss more than is kept: the gap that
 * they are told must name exactly what they didn't get.
 */
export async function crash({ rounds = 3, gapRounds = 1, clients = 20, onRound = () => {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'server-sent-crash-'))
  const stopped = new AbortController()
  // One signal for all readers is no leak to warn of.
  setMaxListeners(0, stopped.signal)
  const summary = {
    rounds,
    gapRounds,
    clients,
    kills: 0,
    killsInPublish: 0,
    acknowledged: 0,
    repeated: 0,
    delivered: 0,
    reconnects: 0,
    gaps: 0,
    missing: 0,
  }
  const [port, hidden] = [await freePort(), await freePort()]
  let server
  try {
    const base = `http://127.0.0.1:${port}`
    const publisher = createPublisher(summary)
    const readers = Array.from({ length: clients }, (_, index) => createReader(base, index, summary, stopped.signal))

    for (let round = 1; round <= rounds; round++) {
      server = await startServer(folder, port)
      publisher.start(base)
      // However slow the machine is, something has been stored.
      await publisher.until(10)
      await sleep(Math.random() * 400)
      const isOpen = round % 2 === 0
      if (isOpen) {
        await publisher.nextRequest()
        await sleep(Math.random() * 3)
      } else await publisher.pause()
      summary.kills++
      if (isOpen && publisher.underWay > 0) summary.killsInPublish++
      await server.kill()
      onRound({ round, summary })
    }
    server = await startServer(folder, port)
    publisher.start(base)
    await publisher.pause()
    await caughtUp(readers, publisher)
    for (const reader of readers) reader.check(publisher.acknowledged)
    if (summary.gaps > 0) throw new Error(`${summary.gaps} gaps were told, though everything is kept`)

    for (let round = 1; round <= gapRounds; round++) {
      summary.kills++
      await server.kill()
      // Where no reader looks: what is published here they miss, but for the last five of each topic.
      server = await startServer(folder, hidden, ['--history-size', '5'])
      publisher.start(`http://127.0.0.1:${hidden}`)
      await publisher.until(20 + Math.floor(Math.random() * 40))
      await publisher.pause()
      summary.kills++
      await server.kill()
      server = await startServer(folder, port, ['--history-size', '5'])
      await caughtUp(readers, publisher)
      for (const reader of readers) reader.check(publisher.acknowledged)
      // They are there again, and live.
      publisher.start(base)
      await publisher.until(3)
      await publisher.pause()
      await caughtUp(readers, publisher)
      onRound({ round: rounds + round, summary })
    }
    for (const reader of readers) reader.check(publisher.acknowledged)
    const least = gapRounds * clients
    if (summary.gaps < least) throw new Error(`${summary.gaps} gaps were told, ${least} readers have missed something`)
    return summary
  } finally {
    stopped.abort()
    await server?.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One lane per topic: the next item when the last is acknowledged; what isn't is repeated with the same key, also after the restart. */
function createPublisher(summary) {
  const acknowledged = new Map(TOPICS.map((topic) => [topic, []]))
  let base
  const state = { isRunning: false }
  let lanes = Promise.resolve()
  let underWay = 0
  let onRequest = () => {}

  async function lane(topic) {
    const seqs = acknowledged.get(topic)
    let isUnsure = false
    while (state.isRunning || isUnsure) {
      const n = seqs.length + 1
      isUnsure = true
      underWay++
      try {
        const answer = fetch(`${base}/topics/${topic}`, { method: 'POST', body: String(n), headers: { 'idempotency-key': `k${n}` } })
        onRequest()
        const response = await answer
        const { id, code, message } = await response.json()
        if (response.status !== 201 && response.status !== 503)
          throw new Error(`The server answered ${response.status} ${code}: ${message}`)
        if (response.status !== 201) throw new TypeError('not now')
        isUnsure = false
        seqs.push(seqOf(id))
        summary.acknowledged++
      } catch (error) {
        // What fetch throws when the server is gone.
        if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error
        summary.repeated++
        await sleep(20)
      } finally {
        underWay--
      }
      await sleep(PACE)
    }
  }

  return {
    acknowledged,
    get underWay() {
      return underWay
    },
    start(to) {
      base = to
      if (state.isRunning) return
      state.isRunning = true
      lanes = Promise.all(TOPICS.map(lane))
      // It is awaited by pause().
      lanes.catch(() => {})
    },
    nextRequest: () => new Promise((resolve) => (onRequest = resolve)),
    /** Until so many more are acknowledged in each topic. */
    async until(count) {
      const wanted = TOPICS.map((topic) => [topic, acknowledged.get(topic).length + count])
      while (wanted.some(([topic, length]) => acknowledged.get(topic).length < length)) await Promise.race([sleep(10), lanes])
    },
    /** Until all that was published is acknowledged. */
    async pause() {
      state.isRunning = false
      await lanes
    },
  }
}

/** Follows one topic, some, or a pattern; by itself it comes back wherever the server is gone. */
function createReader(base, index, summary, signal) {
  const topics = [[TOPICS[index % 3]], TOPICS.slice(0, 2), TOPICS][index % 3]
  const isPattern = index % 6 === 5
  const query = isPattern ? 'pattern=crash/*' : topics.map((topic) => `topic=${topic}`).join('&')
  // Data by number.
  const seen = new Map()
  const gaps = []
  let counted = 0
  let failure
  let last = 0
  const stream = connect(`${base}/events?${query}&from=earliest`, {
    signal,
    reconnect: { min: 50, max: 300 },
    onReconnect: () => summary.reconnects++,
  })
  const read = (async () => {
    for await (const { event, id, data } of stream) {
      if (event === 'gap') {
        const { from, to } = JSON.parse(data)
        gaps.push({ from: seqOf(from), to: seqOf(to) })
        summary.gaps++
        continue
      }
      const seq = seqOf(id)
      if (seq <= last) throw new Error(`Reader ${index} got ${id} after ${last}`)
      last = seq
      seen.set(seq, data)
      summary.delivered++
    }
  })()
  read.catch((error) => (failure = signal.aborted ? undefined : error))
  return {
    /** Whether it has come to the last item of its topics. */
    isThrough(acknowledged) {
      if (failure) throw failure
      return topics.every((topic) => {
        const seq = acknowledged.get(topic).at(-1) ?? 0
        return last >= seq || gaps.some(({ to }) => to >= seq)
      })
    },
    check(acknowledged) {
      if (failure) throw failure
      for (const topic of topics) {
        for (const [at, seq] of acknowledged.get(topic).entries())
          if (seen.has(seq) && seen.get(seq) !== String(at + 1))
            throw new Error(`Reader ${index} got ${seen.get(seq)} as ${topic}'s item ${at + 1}`)
      }
      const due = topics.flatMap((topic) => acknowledged.get(topic))
      const told = (seq) => gaps.some(({ from, to }) => from < seq && seq <= to)
      const missing = due.filter((seq) => !seen.has(seq))
      const silent = missing.filter((seq) => !told(seq))
      if (silent.length > 0) throw new Error(`Reader ${index} (${query}) has not got, nor been told of, ${silent.join(', ')}`)
      if (seen.size + missing.length !== due.length)
        throw new Error(`Reader ${index} has got ${seen.size} of ${due.length}, ${missing.length} missing`)
      // A gap of several topics reaches to the last that any of them has lost.
      const toldOf = due.filter(told)
      if (topics.length === 1 && toldOf.length !== missing.length)
        throw new Error(`Reader ${index} was told of ${toldOf.length} missing, and misses ${missing.length}`)
      summary.missing += missing.length - counted
      counted = missing.length
    },
  }
}

async function caughtUp(readers, { acknowledged }) {
  const end = performance.now() + CATCH_UP
  while (!readers.every((reader) => reader.isThrough(acknowledged))) {
    if (performance.now() > end) throw new Error(`After ${CATCH_UP / 1000} s not every reader has come to the last item`)
    await sleep(20)
  }
}

async function startServer(folder, port, flags = []) {
  const main = join(root, 'dist', 'cli', 'main.js')
  const child = spawn(process.execPath, [main, 'serve', '--engine', `disk:${folder}`, '--port', String(port), ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const exited = once(child, 'exit')
  const end = performance.now() + 120_000
  while (!output.includes('Listening')) {
    if (child.exitCode !== null || performance.now() > end) {
      kill()
      throw new Error(`The server has not started: ${output}`)
    }
    await sleep(5)
  }
  return {
    async kill() {
      process.off('exit', kill)
      kill()
      await exited
    },
  }
}

function seqOf(id) {
  return Number(/-(\d+)/.exec(id)[1])
}

/** Below the ports that systems give out by themselves: nobody else gets it while the server is away. */
async function freePort() {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000)
    const server = createServer()
    const isFree = await new Promise((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
