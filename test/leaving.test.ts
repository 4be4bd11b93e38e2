import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { getEventListeners } from 'node:events'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { build } from 'vite'
import { sendSse, sse } from '../src/node.js'
import type { Collected, Left } from './helpers/leavers.js'
import { raw, serve, serve2, session2, sleep, when } from './helpers/servers.js'

const MEGABYTE = 1024 * 1024

interface Leaver {
  readonly name: string
  /** Begins a stream and has its client leave when it gets `text`; resolves to what the server's side can be asked about it. */
  readonly start: (source: (context: { signal: AbortSignal }) => AsyncIterable<string>, options?: object) => Promise<Started>
}

interface Started {
  readonly leave: () => void
  /** Resolves when the call of sendSse() has, or the body has ended. */
  readonly ended: Promise<unknown>
  /** How many listen to what the stream listened to. */
  readonly listeners: () => number[]
}

const EVENTS = ['close', 'finish', 'error', 'drain', 'end', 'aborted']
const listenersOf = (emitter: { listenerCount(name: string): number } | null): number[] =>
  EVENTS.map((name) => emitter?.listenerCount(name) ?? 0)

/** A call of sendSse() on HTTP/1, whose client is a bare socket. */
function overHttp(leave: (client: Awaited<ReturnType<typeof raw>>) => void): Leaver['start'] {
  return async (source, options) => {
    let ended: Promise<unknown> | undefined
    let listeners = (): number[] => []
    const { port } = await serve((req, res) => {
      const [before, beforeSocket] = [listenersOf(res), listenersOf(req.socket)]
      const { socket } = req
      // What Node itself took off when the connection closed is not ours.
      listeners = () => [
        ...listenersOf(res).map((count, index) => Math.max(0, count - before[index]!)),
        ...listenersOf(socket).map((count, index) => Math.max(0, count - beforeSocket[index]!)),
      ]
      ended = sendSse(req, res, source, options)
    })
    const client = await raw(port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until('data: a')
    return { leave: () => leave(client), ended: ended!, listeners: () => listeners() }
  }
}

const leavers: Leaver[] = [
  { name: 'a connection reset', start: overHttp(({ socket }) => socket.resetAndDestroy()) },
  { name: 'a polite close', start: overHttp(({ socket }) => socket.end()) },
  { name: 'a client that is killed', start: overHttp(({ socket }) => socket.destroy()) },
  {
    name: 'an HTTP/2 RST_STREAM',
    async start(source, options) {
      let ended: Promise<unknown> | undefined
      let listeners = (): number[] => []
      const { url } = await serve2((req, res) => {
        const before = listenersOf(res)
        listeners = () => listenersOf(res).map((count, index) => Math.max(0, count - before[index]!))
        ended = sendSse(req, res, source, options)
      })
      const stream = (await session2(url)).request({ ':path': '/' })
      let text = ''
      stream.on('error', () => {}).on('data', (chunk: Buffer) => (text += chunk.toString()))
      await when(() => text.includes('data: a'))
      return { leave: () => stream.close(8), ended: ended!, listeners: () => listeners() }
    },
  },
  { name: 'a body that is cancelled', start: overFetch((reader) => void reader.cancel()) },
  { name: 'a request that is aborted', start: overFetch((_, left) => left.abort()) },
]

function overFetch(leave: (reader: ReadableStreamDefaultReader, left: AbortController) => void): Leaver['start'] {
  return async (source, options) => {
    const left = new AbortController()
    const request = new Request('http://a', { signal: left.signal })
    const response = await sse(source, { ...options, request })
    const reader = response.body!.getReader()
    await reader.read()
    await reader.read()
    // A reader that waits, as a runtime's does.
    void reader.read()
    return { leave: () => leave(reader, left), ended: reader.closed, listeners: () => [getEventListeners(request.signal, 'abort').length] }
  }
}

describe.each(leavers)('$name', ({ start }) => {
  test('aborts the signal first, then returns the iterator, and both at once', async () => {
    const order: string[] = []
    let signal: AbortSignal | undefined
    const iterator = {
      next: async () => (order.length === 0 && order.push('item') ? { done: false as const, value: 'a' } : new Promise<never>(() => {})),
      return() {
        order.push(`return, aborted ${signal?.aborted}`)
        return Promise.resolve({ done: true as const, value: undefined })
      },
    }
    const { leave, ended } = await start((context) => {
      signal = context.signal
      signal.addEventListener('abort', () => order.push('abort'))
      return { [Symbol.asyncIterator]: () => iterator }
    })
    leave()
    await ended
    expect(order).toEqual(['item', 'abort', 'return, aborted true'])
    expect(signal?.reason).toMatchObject({ name: 'AbortError' })
  })

  test('lets a source that heeds its signal run its finally, and leaves no listener and no timer', async () => {
    const stop = new AbortController()
    const timers = () => process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length
    const before = timers()
    let isReturned = false
    async function* source({ signal }: { signal: AbortSignal }): AsyncGenerator<string> {
      try {
        yield 'a'
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      } finally {
        isReturned = true
      }
    }
    const begun = await start(source, { signal: stop.signal, keepAlive: 1000 })
    expect(getEventListeners(stop.signal, 'abort').length).toBeGreaterThan(0)
    const at = performance.now()
    begun.leave()
    await begun.ended
    await when(() => isReturned)
    // Some milliseconds; the rest is for a busy machine.
    expect(performance.now() - at).toBeLessThan(15_000)
    await sleep(5)
    expect(getEventListeners(stop.signal, 'abort')).toEqual([])
    // Another test's may have gone meanwhile.
    expect(timers()).toBeLessThanOrEqual(before)
    expect(begun.listeners().every((count) => count === 0)).toBe(true)
  })

  test('does not wait for a source that does not heed its signal; its finally runs when its wait settles', async () => {
    let settle: (() => void) | undefined
    let isReturned = false
    async function* source(): AsyncGenerator<string> {
      try {
        yield 'a'
        await new Promise<void>((resolve) => (settle = resolve))
        yield 'b'
      } finally {
        isReturned = true
      }
    }
    const { leave, ended } = await start(source)
    await when(() => settle !== undefined)
    const at = performance.now()
    leave()
    await ended
    expect([performance.now() - at < 15_000, isReturned]).toEqual([true, false])
    settle?.()
    await when(() => isReturned)
  })
})

describe('a client that stops reading and is then killed', () => {
  test.each(['resetAndDestroy', 'destroy'] as const)('by %s, lets the source go', async (kill) => {
    let isReturned = false
    let ended: Promise<void> | undefined
    let isStalled = false
    const { port } = await serve((req, res) => {
      async function* flood(): AsyncGenerator<string> {
        try {
          for (;;) yield 'x'.repeat(65_536)
        } finally {
          isReturned = true
        }
      }
      ended = sendSse(req, res, flood())
      void when(() => res.writableNeedDrain).then(() => (isStalled = true))
    })
    const client = await raw(port)
    client.socket.pause()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await when(() => isStalled)
    await sleep(50)
    client.socket[kill]()
    await ended
    expect(isReturned).toBe(true)
  })
})

test('a connection that is kept alive has none of our listeners between two streams', async () => {
  const counts: number[][] = []
  const { port } = await serve((req, res) => {
    counts.push(listenersOf(req.socket))
    void sendSse(req, res, ['a'])
  })
  for (let turn = 0; turn < 3; turn++) {
    const client = await raw(port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until('0\r\n\r\n')
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until(/0\r\n\r\n[^]*0\r\n\r\n/)
  }
  expect(new Set(counts.map(String)).size).toBe(1)
})

test('a client that leaves while it waits for the first item is let go as one that got it', async () => {
  let signal: AbortSignal | undefined
  let ended: Promise<void> | undefined
  const { port } = await serve((req, res) => {
    ended = sendSse(
      req,
      res,
      async function* (context) {
        signal = context.signal
        await new Promise(() => {})
        yield 'a'
      },
      { open: 'first-item' },
    )
  })
  const client = request({ port, agent: false })
    .on('error', () => {})
    .end()
  await when(() => signal !== undefined)
  client.destroy()
  await ended
  expect(signal?.aborted).toBe(true)
})

describe.concurrent('in a program of its own', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'server-sent-'))
    const entry = fileURLToPath(new URL('helpers/leavers.ts', import.meta.url))
    await build({
      configFile: false,
      logLevel: 'error',
      build: { ssr: entry, outDir: folder, target: 'node20', minify: false, rollupOptions: { output: { entryFileNames: 'leavers.mjs' } } },
    })
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function run<T>(...args: string[]): Promise<T[]> {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--expose-gc', join(folder, 'leavers.mjs'), ...args], {
      timeout: 300_000,
    })
    expect(stderr).toBe('')
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as T)
  }

  test.each([
    ['1,000 connection resets', 'reset'],
    ['1,000 polite closes', 'polite'],
    ['1,000 clients that stall and are killed', 'stalled'],
    ['1,000 HTTP/2 RST_STREAMs', 'rst'],
    ['1,000 bodies that are cancelled', 'cancelled'],
    ['1,000 requests that are aborted', 'aborted'],
  ])('%s leave nothing behind', { timeout: 300_000 }, async (name, kind) => {
    const [left] = await run<Left>(kind)
    const growth = left!.heapAtEnd - left!.heapAfterFirst
    console.log(`${name}: heap ${left!.heapAfterFirst} bytes after the first 100, ${growth >= 0 ? '+' : ''}${growth} at the end`)
    expect(left).toMatchObject({ kind, ended: 1000, returned: 1000, resources: [] })
    expect(growth).toBeLessThan(MEGABYTE)
  })

  const ways = ['http', 'http2', 'fetch'].flatMap((carrier) => [carrier, `${carrier} first-item`])

  test('a source that never settles is collected, and the connection with it', { timeout: 300_000 }, async () => {
    const asked = [...ways.map((way) => way.replace(/( |$)/, ' forgotten$1')), 'unread forgotten'].map((way) => way.trim())
    expect(await run<Collected>('collect', ...asked)).toEqual(asked.map((way) => ({ way, kept: [], isSourceKept: false })))
  })

  test('a source whose wait somebody holds for ever does not hold the connection', { timeout: 300_000 }, async () => {
    const asked = ways.map((way) => way.replace(/( |$)/, ' rooted$1').trim())
    // That the source is there shows that the test looks.
    expect(await run<Collected>('collect', ...asked)).toEqual(asked.map((way) => ({ way, kept: [], isSourceKept: true })))
  })
})
