// A program of its own, for `node --expose-gc`: `leavers.ts KIND` has a thousand clients leave, `leavers.ts collect WAY` looks what a source
// that never settles holds. It prints one line of JSON. Server and clients share the process, so that the heap is that of both ends.
import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import { connect as connect2, createServer as createServer2, type ClientHttp2Session } from 'node:http2'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sendSse, sse } from '../../src/node.js'

const CLIENTS = 1000
const FIRST = 100
const AT_ONCE = 50

export interface Left {
  readonly kind: string
  /** How many calls of sendSse() have resolved, or bodies ended. */
  readonly ended: number
  /** How many sources have run their `finally`. */
  readonly returned: number
  /** Bytes of heap after a collection. */
  readonly heapAfterFirst: number
  readonly heapAtEnd: number
  /** What keeps the process running beside the server itself. */
  readonly resources: readonly string[]
}

export interface Collected {
  readonly way: string
  /** What of the connection is still in memory. */
  readonly kept: readonly string[]
  /** Whether the source is. */
  readonly isSourceKept: boolean
}

let ended = 0
let returned = 0

/** One item, then a wait that heeds the signal. */
async function* waiting(signal: AbortSignal): AsyncGenerator<string> {
  try {
    yield 'a'
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  } finally {
    returned++
  }
}

/** Items without end, until the client takes no more. */
async function* flood(): AsyncGenerator<string> {
  const item = 'x'.repeat(65_536)
  try {
    for (;;) yield item
  } finally {
    returned++
  }
}

type Kind = (count: number) => Promise<void>

const kinds: Record<string, () => Promise<{ leave: Kind; close: () => Promise<unknown> }>> = {
  reset: () => overHttp('tcp', waiting, async (socket) => (await once(socket, 'data'), socket.resetAndDestroy())),
  polite: () => overHttp('tcp', waiting, async (socket) => (await once(socket, 'data'), socket.end())),
  stalled: () =>
    // A local socket: the kernel takes less before it stops.
    overHttp('local', flood, async (socket, isStalled) => {
      socket.pause()
      await isStalled()
      socket.destroy()
    }),
  rst: overHttp2,
  cancelled: overFetch((reader) => reader.cancel()),
  aborted: overFetch(async (reader, left) => {
    left.abort()
    while (!(await reader.read()).done);
  }),
}

async function overHttp(
  where: 'tcp' | 'local',
  source: (signal: AbortSignal) => AsyncGenerator<string>,
  leave: (client: Socket, isStalled: () => Promise<void>) => Promise<unknown>,
): ReturnType<(typeof kinds)[string]> {
  const stalled = new Map<string, () => void>()
  const server = createServer((req, res) => {
    void sendSse(req, res, ({ signal }) => source(signal)).then(() => ended++)
    const tellStalled = stalled.get(req.url!)
    stalled.delete(req.url!)
    if (tellStalled) whenStalled(res, tellStalled)
  })
  const path = await listen(server, where === 'local' ? join(tmpdir(), `server-sent-${process.pid}.sock`) : 0)
  let number = 0
  return {
    leave: (count) =>
      each(count, async () => {
        const url = `/${number++}`
        const isStalled = new Promise<void>((resolve) => stalled.set(url, resolve))
        const client = connect(path as never)
        client.on('error', () => {})
        const closed = new Promise((resolve) => client.on('close', resolve))
        client.write(`GET ${url} HTTP/1.1\r\nHost: a\r\n\r\n`)
        await leave(client, () => isStalled)
        client.resume()
        await closed
      }),
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

function whenStalled(res: { writableNeedDrain: boolean; destroyed: boolean }, tell: () => void): void {
  if (res.writableNeedDrain || res.destroyed) tell()
  else setTimeout(() => whenStalled(res, tell), 1)
}

async function overHttp2(): ReturnType<(typeof kinds)[string]> {
  const server = createServer2((req, res) => void sendSse(req, res, ({ signal }) => waiting(signal)).then(() => ended++))
  const port = await listen(server as unknown as Server, 0)
  return {
    async leave(count) {
      const session: ClientHttp2Session = connect2(`http://127.0.0.1:${String(port)}`)
      await each(count, async () => {
        const stream = session.request({ ':path': '/' })
        stream.on('error', () => {})
        await once(stream, 'data')
        stream.close(8)
        await once(stream, 'close')
      })
      session.close()
      await once(session, 'close')
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

function overFetch(leave: (reader: ReadableStreamDefaultReader, left: AbortController) => Promise<unknown>) {
  return async (): ReturnType<(typeof kinds)[string]> => ({
    leave: (count) =>
      each(count, async () => {
        const left = new AbortController()
        const response = await sse(({ signal }) => waiting(signal), { request: new Request('http://a', { signal: left.signal }) })
        const reader = response.body!.getReader()
        await reader.read()
        await reader.read()
        // Now the source waits.
        const last = reader.read()
        await leave(reader, left)
        await last
        ended++
      }),
    close: async () => {},
  })
}

/** Runs `count` of them, a few at a time. */
async function each(count: number, one: () => Promise<unknown>): Promise<void> {
  let begun = 0
  const worker = async (): Promise<void> => {
    while (begun++ < count) await one()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

async function thousand(kind: string): Promise<Left> {
  const { leave, close } = await kinds[kind]!()
  await leave(FIRST)
  await settled(FIRST)
  const heapAfterFirst = await heap()
  await leave(CLIENTS - FIRST)
  await settled(CLIENTS)
  const heapAtEnd = await heap()
  await close()
  const resources = (): string[] => process.getActiveResourcesInfo().filter((type) => !/^(Pipe|TTY|File)/.test(type))
  for (let look = 0; look < 500 && resources().length > 0; look++) await sleep(10)
  return {
    kind,
    ended,
    returned,
    heapAfterFirst,
    heapAtEnd,
    resources: resources(),
  }
}

/** They have some milliseconds; the rest is for a busy machine. */
async function settled(count: number): Promise<void> {
  const end = performance.now() + 15_000
  await until(() => (ended >= count && returned >= count) || performance.now() > end)
}

/** The least of several looks, because some things go only with the second collection, or with a timer of Node's own. */
async function heap(): Promise<number> {
  let least = Infinity
  for (let look = 0; look < 12; look++) {
    await sleep(20)
    collectGarbage()
    least = Math.min(least, process.memoryUsage().heapUsed)
  }
  return least
}

/** Waits that are held for ever, as a queue of waiters holds them. */
const rooted: unknown[] = []

const waits: Record<string, () => Promise<void>> = {
  forgotten: () => new Promise(() => {}),
  rooted: () => new Promise((resolve) => rooted.push(resolve)),
}

type Refs = Map<string, WeakRef<object>>

const carriers: Record<string, (source: (refs: Refs) => AsyncIterable<string>, refs: Refs, open: any) => Promise<void>> = {
  async http(source, refs, open) {
    let sent: Promise<void> | undefined
    const server = createServer((req, res) => {
      track(refs, { req, res, socket: req.socket })
      sent = sendSse(req, res, source(refs), { open })
    })
    const port = await listen(server, 0)
    const client = request({ port, agent: false })
      .on('error', () => {})
      .end()
    if (open === undefined) await once(client, 'response')
    else await until(() => sent !== undefined)
    await sleep(10)
    client.destroy()
    await sent
    await new Promise((resolve) => server.close(resolve))
  },
  async http2(source, refs, open) {
    let sent: Promise<void> | undefined
    const server = createServer2((req, res) => {
      track(refs, { req, res, stream: res.stream })
      sent = sendSse(req, res, source(refs), { open })
    })
    const port = await listen(server as unknown as Server, 0)
    const session = connect2(`http://127.0.0.1:${String(port)}`)
    const stream = session.request({ ':path': '/' })
    stream.on('error', () => {}).resume()
    if (open === undefined) await once(stream, 'data')
    else await until(() => sent !== undefined)
    await sleep(10)
    stream.close(8)
    await sent
    session.destroy()
    await new Promise((resolve) => server.close(resolve))
  },
  async fetch(source, refs, open) {
    const left = new AbortController()
    const request = new Request('http://a', { signal: left.signal })
    track(refs, { request })
    const answered = open === undefined ? sse(source(refs), { request }) : sse(() => source(refs), { request, open })
    if (open !== undefined) {
      await sleep(10)
      left.abort()
    }
    const response = await answered
    track(refs, { response, body: response.body! })
    const reader = response.body!.getReader()
    await reader.read()
    const last = reader.read()
    await sleep(10)
    if (open === undefined) await reader.cancel()
    await last
  },
  // Nobody reads the answer: a framework that makes a HEAD of a GET.
  async unread(source, refs) {
    const response = sse(source(refs))
    track(refs, { response, body: response.body! })
  },
}

async function collect(way: string): Promise<Collected> {
  const [carrier = '', wait = '', open] = way.split(' ')
  const refs: Refs = new Map()
  await carriers[carrier]!(sourceWith(waits[wait]!), refs, open)
  let kept = [...refs.keys()]
  // A source that is rooted stays: a few looks more show whether it does so alone.
  for (let look = 0, last = 250; look < last; look++) {
    await sleep(20)
    collectGarbage()
    kept = [...refs].filter(([, ref]) => ref.deref()).map(([name]) => name)
    if (kept.every((name) => name === 'source')) last = Math.min(last, kept.length === 0 ? 0 : look + 5)
  }
  return { way, kept: kept.filter((name) => name !== 'source'), isSourceKept: kept.includes('source') }
}

/** A generator that waits and never heeds its signal. */
function sourceWith(wait: () => Promise<void>): (refs: Refs) => AsyncIterable<string> {
  return (refs) => {
    const source = (async function* () {
      await wait()
      yield 'a'
    })()
    track(refs, { source })
    return source
  }
}

function track(refs: Refs, objects: Record<string, object>): void {
  for (const [name, object] of Object.entries(objects)) refs.set(name, new WeakRef(object))
}

async function listen(server: Server, where: number | string): Promise<number | string> {
  await new Promise<void>((resolve) =>
    typeof where === 'string' ? server.listen(where, resolve) : server.listen(where, '127.0.0.1', resolve),
  )
  const address = server.address()
  return typeof address === 'string' ? address : (address as AddressInfo).port
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(1)
}

function sleep(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time))
}

function collectGarbage(): void {
  ;(globalThis as { gc?: () => void }).gc!()
}

const [task = '', ...ways] = process.argv.slice(2)
if (task === 'collect') for (const way of ways) console.log(JSON.stringify(await collect(way)))
else
  for (const kind of [task, ...ways]) {
    ended = returned = 0
    console.log(JSON.stringify(await thousand(kind)))
  }
