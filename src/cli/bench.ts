import { setMaxListeners } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { get as getSecure } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { createParser } from '../protocol/parse.js'
import { Failure, numberOf, parse, urlOf, UsageError } from './args.js'
import { print } from './output.js'
import { topicUrl } from './publish.js'

const FLAGS = {
  connections: { type: 'string', short: 'n', default: '100' },
  duration: { type: 'string', default: '10' },
  rate: { type: 'string', default: '0' },
} as const

// So many connections are being opened at a time: a server's backlog is short.
const AT_ONCE = 100
const SENT = /^\{"sent":(\d+)[,}]/

interface Counts {
  deliveries: number
  bytes: number
  failed: number
  lost: number
  /** From publish to delivery, in milliseconds. */
  readonly delays: number[]
}

/** Opens connections to a stream, counts what comes, and prints it. */
export async function bench(args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args, FLAGS)
  const url = urlOf(positionals[0], "'http://localhost:5000/events?topic=a'")
  if (positionals.length > 1) throw new UsageError('takes one URL; quote it if it has an &')
  const wanted = numberOf('-n', values.connections, { min: 1, max: 1_000_000 })
  const duration = numberOf('--duration', values.duration, { min: 1, max: 86_400, unit: 'seconds' })
  const rate = numberOf('--rate', values.rate, { min: 0, max: 100_000 })
  const topic = url.searchParams.get('topic')
  if (rate > 0 && topic === null) throw new UsageError('--rate needs a ?topic= in the URL, to publish to')

  const counts: Counts = { deliveries: 0, bytes: 0, failed: 0, lost: 0, delays: [] }
  const left = new AbortController()
  // One signal for all of them is no leak to warn of.
  setMaxListeners(0, left.signal)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => left.abort())
  const begun = performance.now()
  const open = await openAll(url, wanted, counts, left.signal)
  if (open === 0) throw new Failure(`none of ${wanted} connections was opened: is ${url.origin} running, and does it allow this?`)
  await print(`${open} of ${wanted} connections open after ${((performance.now() - begun) / 1000).toFixed(1)} s`)

  const start = performance.now()
  const before = { ...counts }
  const published = rate > 0 ? await publishAt(rate, duration, url, topic ?? '', left.signal) : await wait(duration * 1000, left.signal)
  // The last ones are on their way.
  const due = published * open
  if (rate > 0) await wholeOrStill(() => counts.deliveries - before.deliveries, due, left.signal)
  else await wait(200, left.signal)
  const seconds = (performance.now() - start) / 1000
  const deliveries = counts.deliveries - before.deliveries
  left.abort()
  await print(
    `${deliveries} deliveries in ${seconds.toFixed(1)} s: ${Math.round(deliveries / seconds)} a second, ${megabytes(counts.bytes - before.bytes)} MB`,
  )
  if (rate > 0) {
    counts.delays.sort((a, b) => a - b)
    const at = (share: number): string =>
      `${counts.delays[Math.min(counts.delays.length - 1, Math.floor(share * counts.delays.length))] ?? '-'} ms`
    await print(`${published} published, ${due} deliveries due; delay p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}`)
  }
  if (counts.lost > 0) await print(`${counts.lost} connections were lost`)
}

async function openAll(url: URL, count: number, counts: Counts, signal: AbortSignal): Promise<number> {
  let next = 0
  let opened = 0
  const opener = async (): Promise<void> => {
    while (next++ < count && !signal.aborted) {
      if (await openOne(url, counts, signal)) opened++
      else counts.failed++
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, opener))
  return opened
}

function openOne(url: URL, counts: Counts, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const ask = url.protocol === 'https:' ? getSecure : get
    const request = ask(url, { agent: false, signal, headers: { accept: 'text/event-stream' } })
    request.on('error', () => resolve(false))
    request.on('response', (response: IncomingMessage) => {
      const isOpen = response.statusCode === 200
      if (!isOpen) response.destroy()
      else count(response, counts, signal)
      resolve(isOpen)
    })
  })
}

function count(response: IncomingMessage, counts: Counts, signal: AbortSignal): void {
  const parser = createParser({
    onItem({ data }) {
      counts.deliveries++
      const [, sent] = SENT.exec(data) ?? []
      if (sent !== undefined) counts.delays.push(Date.now() - Number(sent))
    },
  })
  response.on('data', (chunk: Buffer) => {
    counts.bytes += chunk.length
    parser.feed(chunk)
  })
  response.on('error', () => {})
  response.on('close', () => {
    if (!signal.aborted) counts.lost++
  })
}

/** Answers how many were published. */
async function publishAt(rate: number, duration: number, url: URL, topic: string, signal: AbortSignal): Promise<number> {
  const base = new URL(url.pathname.replace(/\/?events$/, '') || '/', url)
  const target = topicUrl(base, topic)
  const total = rate * duration
  const start = performance.now()
  const underWay: Promise<unknown>[] = []
  let published = 0
  for (let n = 0; n < total && !signal.aborted; n++) {
    const early = start + (1000 * n) / rate - performance.now()
    if (early > 0) await wait(early, signal)
    const body = JSON.stringify({ sent: Date.now(), n })
    const answered = fetch(target, { method: 'POST', body, headers: { 'content-type': 'application/json' } }).then(async (response) => {
      await response.arrayBuffer()
      if (response.ok) published++
    })
    underWay.push(answered.catch(() => {}))
  }
  await Promise.all(underWay)
  return published
}

/** Until so many are there, or no more have come for some seconds: a busy server may pause for one. */
async function wholeOrStill(countNow: () => number, due: number, signal: AbortSignal): Promise<void> {
  let count = countNow()
  for (let still = 0; count < due && still < 5000 && !signal.aborted; still += 20) {
    await wait(20, signal)
    if (countNow() > count) still = 0
    count = countNow()
  }
}

async function wait(time: number, signal: AbortSignal): Promise<number> {
  await sleep(time, undefined, { signal }).catch(() => {})
  return 0
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}
