import { getEventListeners, once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { createGzip } from 'node:zlib'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { sendSse } from '../node.js'
import { raw, serve, serve2, session2, sleep, when, type RawClient } from '../../test/helpers/servers.js'

type Handle = (req: any, res: any) => unknown

/** A request on its way, on either protocol, seen from both ends. */
interface Exchange {
  readonly req: IncomingMessage | Http2ServerRequest
  readonly res: ServerResponse | Http2ServerResponse
  readonly text: () => string
  /** Stops reading. */
  readonly pause: () => void
  readonly leave: () => void
}

const protocols: { readonly name: string; readonly exchange: (handle?: Handle) => Promise<Exchange> }[] = [
  {
    name: 'http',
    async exchange(handle) {
      const arrived = seen()
      const { port } = await serve((req, res) => (handle?.(req, res), arrived.tell({ req, res })))
      const client = await raw(port)
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      return { ...(await arrived.it), text: client.text, pause: () => client.socket.pause(), leave: () => client.socket.resetAndDestroy() }
    },
  },
  {
    name: 'http2',
    async exchange(handle) {
      const arrived = seen()
      const { url } = await serve2((req, res) => (handle?.(req, res), arrived.tell({ req, res })))
      const stream = (await session2(url)).request({ ':path': '/' })
      let text = ''
      stream.setEncoding('utf8').on('data', (part: string) => (text += part))
      stream.on('error', () => {}).on('response', (headers) => (text += `${headers[':status']} `))
      return { ...(await arrived.it), text: () => text, pause: () => stream.pause(), leave: () => stream.close(8) }
    },
  },
]

function seen(): { it: Promise<Pick<Exchange, 'req' | 'res'>>; tell: (it: Pick<Exchange, 'req' | 'res'>) => void } {
  let tell: (it: Pick<Exchange, 'req' | 'res'>) => void = () => {}
  const it = new Promise<Pick<Exchange, 'req' | 'res'>>((resolve) => (tell = resolve))
  return { it, tell }
}

/** A source, and what was done to it. */
function watched(): { source: AsyncIterable<string>; done: string[] } {
  const done: string[] = []
  const iterator = {
    next: () => {
      done.push('pulled')
      return new Promise<never>(() => {})
    },
    return: async () => {
      done.push('returned')
      return { done: true as const, value: undefined }
    },
  }
  return { source: { [Symbol.asyncIterator]: () => iterator }, done }
}

describe.each(protocols)('sendSse on $name', ({ name, exchange }) => {
  test.each<[string, (one: Exchange) => unknown]>([
    ['the client has left', ({ leave }) => leave()],
    ['the server has cut the connection', ({ req }) => req.socket.destroy()],
    ['the source has ended', () => {}],
  ])('resolves when %s', async (what, end) => {
    const one = await exchange()
    const { source, done } = watched()
    const sent = sendSse(one.req, one.res, what.startsWith('the source') ? ['a'] : source)
    await when(() => one.text().includes(':\n\n'))
    end(one)
    await expect(sent).resolves.toBeUndefined()
    expect(done).toEqual(what.startsWith('the source') ? [] : ['pulled', 'returned'])
  })

  test('resolves when a source fails in mid-stream: that is for onError', async () => {
    const one = await exchange()
    const onError = vi.fn<(error: unknown) => void>()
    await expect(
      sendSse(
        one.req,
        one.res,
        (async function* () {
          yield 'a'
          throw new Error('boom')
        })(),
        { onError },
      ),
    ).resolves.toBeUndefined()
    expect(onError.mock.calls).toEqual([[new Error('boom')]])
    await when(() => one.text().includes('data: a'))
    expect(one.text()).not.toContain('boom')
  })

  test('resolves when the client had left before it was called, and starts no source', async () => {
    const one = await exchange()
    one.leave()
    await once(one.res, 'close')
    const { source, done } = watched()
    await expect(sendSse(one.req, one.res, source)).resolves.toBeUndefined()
    expect(done.filter((what) => what === 'pulled').length).toBeLessThanOrEqual(1)
    expect(done.at(-1)).toBe('returned')
  })

  test('rejects with the reason of a signal that has aborted before; nothing is sent, and the source let go', async () => {
    const one = await exchange()
    let isCalled = false
    const reason = new Error('shutting down')
    const { source, done } = watched()
    await expect(sendSse(one.req, one.res, source, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await expect(
      sendSse(
        one.req,
        one.res,
        () => {
          isCalled = true
          return []
        },
        { signal: AbortSignal.abort(reason) },
      ),
    ).rejects.toBe(reason)
    expect([done, isCalled, one.res.headersSent]).toEqual([['returned'], false, false])
    one.res.statusCode = 503
    one.res.end('later')
    await when(() => /503 [^]*later/.test(one.text()))
  })

  test.each(['at-once', 'first-item'] as const)(
    'rejects with the reason of a signal that aborts before anything is sent, with open: %s',
    async (open) => {
      const one = await exchange()
      const stop = new AbortController()
      const errors: unknown[] = []
      let inner: AbortSignal | undefined
      const sent = sendSse(
        one.req,
        one.res,
        ({ signal }) => {
          inner = signal
          return open === 'at-once' ? new Promise<string[]>(() => {}) : watched().source
        },
        { signal: stop.signal, open, onError: (error) => errors.push(error) },
      )
      setTimeout(() => stop.abort('stop'), 5)
      await expect(sent).rejects.toBe('stop')
      expect([inner?.reason, one.res.headersSent, errors]).toEqual(['stop', false, []])
      one.res.statusCode = 503
      one.res.end('later')
      await when(() => /503 [^]*later/.test(one.text()))
    },
  )

  test('a signal that aborts while the client does not read still ends the stream at once', async () => {
    const one = await exchange()
    one.pause()
    const stop = new AbortController()
    let pulled = 0
    async function* fast(): AsyncGenerator<string> {
      for (;;) yield 'x'.repeat(++pulled && 100_000)
    }
    const sent = sendSse(one.req, one.res, fast(), { signal: stop.signal })
    const out = 'stream' in one.res ? one.res.stream : one.res
    await when(() => out.writableNeedDrain)
    await sleep(50)
    const begun = performance.now()
    stop.abort()
    await sent
    // Some milliseconds; the rest is for a busy machine.
    expect(performance.now() - begun).toBeLessThan(15_000)
    expect(out.destroyed).toBe(true)
  })

  test('a client that does not read gets no keep-alive comments on top', async () => {
    const one = await exchange()
    one.pause()
    const text = 'x'.repeat(100_000)
    const written: string[] = []
    const write = one.res.write.bind(one.res) as (text: string) => boolean
    const res = Object.assign(one.res, { write: (part: string) => (written.push(part), write(part)) })
    async function* fast(): AsyncGenerator<string> {
      for (;;) yield text
    }
    const sent = sendSse(one.req, res as never, fast(), { keepAlive: 10 })
    const out = 'stream' in one.res ? one.res.stream : one.res
    await when(() => out.writableNeedDrain)
    await sleep(150)
    // The first comes before all items, and is no keep-alive.
    expect(written.filter((part) => part.startsWith(':'))).toHaveLength(1)
    expect(out.writableNeedDrain).toBe(true)
    one.leave()
    await sent
  })

  test('refuses a res that has sent its headers', async () => {
    const one = await exchange()
    ;(one.res as ServerResponse).write('a')
    await expect(sendSse(one.req, one.res, ['a'])).rejects.toThrow(
      new TypeError('`res` has sent its headers already: call sendSse before anything is written'),
    )
    one.res.end()
  })

  test('rejects when something else has begun to answer while its function was awaited, and lets the source go', async () => {
    const one = await exchange()
    const { source, done } = watched()
    const before = listening(one.res)
    const sent = sendSse(one.req, one.res, async () => {
      ;(one.res as ServerResponse).write('too slow')
      return source
    })
    await expect(sent).rejects.toMatchObject({ code: /HEADERS_SENT/ })
    expect(done).toEqual(['returned'])
    expect(listening(one.res)).toEqual(before)
    one.res.end()
  })

  test.skipIf(name === 'http2')('rejects a header that Node refuses, and lets the source go', async () => {
    const one = await exchange()
    const { source, done } = watched()
    await expect(sendSse(one.req, one.res, source, { headers: { 'x-own': 'a\u0001b' } })).rejects.toMatchObject({
      code: 'ERR_INVALID_CHAR',
    })
    expect(done).toEqual(['returned'])
    one.res.end()
  })

  test('a signal for all streams of a server draws no warning, and is let go with each of them', async () => {
    const stop = new AbortController()
    const warnings: unknown[] = []
    const warn = (warning: Error) => warnings.push(warning)
    process.on('warning', warn)
    onTestFinished(() => void process.off('warning', warn))
    const streams = await Promise.all(Array.from({ length: 20 }, () => exchange()))
    const sent = streams.map(({ req, res }) => sendSse(req, res, watched().source, { signal: stop.signal }))
    await when(() => streams.every(({ text }) => text().includes(':\n\n')))
    streams[0]!.leave()
    await sent[0]
    const listening = getEventListeners(stop.signal, 'abort').length
    expect(listening % 19).toBe(0)
    stop.abort()
    await Promise.all(sent)
    await sleep(1)
    expect([getEventListeners(stop.signal, 'abort').length, warnings]).toEqual([0, []])
  })

  test('flushes after each item where res can, as compression middleware wants', async () => {
    const one = await exchange()
    let atFlush = 0
    const flushed: number[] = []
    const write = one.res.write.bind(one.res) as (text: string) => boolean
    let written = ''
    const res = Object.assign(one.res, {
      write: (text: string) => ((written += text), write(text)),
      flush() {
        flushed.push(written.length - atFlush)
        atFlush = written.length
      },
    })
    await sendSse(one.req, res as never, ['a', 'b'], { reconnect: false })
    expect(written).toBe(':\n\ndata: a\n\ndata: b\n\nid: server-sent:end\n\n')
    expect(flushed.filter((length) => length > 0)).toEqual(
      [':\n\n', 'data: a\n\n', 'data: b\n\n', 'id: server-sent:end\n\n'].map(({ length }) => length),
    )
  })
})

/** How many listen to what a stream listens to. */
function listening(res: ServerResponse | Http2ServerResponse): number[] {
  return ['close', 'finish', 'error', 'drain'].map((event) => res.listenerCount(event))
}

describe('requests pipelined on one connection', () => {
  async function two(handle: Handle): Promise<RawClient> {
    const { port } = await serve(handle)
    const client = await raw(port)
    client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
    return client
  }

  test('are answered one after the other', async () => {
    let finish: () => void = () => {}
    async function* first(): AsyncGenerator<string> {
      yield 'first'
      await new Promise<void>((resolve) => (finish = resolve))
    }
    const client = await two((req, res) => void sendSse(req, res, req.url === '/1' ? first() : ['second']))
    await client.until('data: first')
    await sleep(20)
    expect(client.text()).not.toContain('second')
    finish()
    await client.until('data: second')
    expect(client.text().match(/HTTP\/1\.1 200/g)).toHaveLength(2)
  })

  test('a waiting one is pulled no further than a client that does not read', async () => {
    let pulled = 0
    async function* fast(): AsyncGenerator<string> {
      for (;;) {
        pulled += 1000
        yield 'x'.repeat(1000)
      }
    }
    await two((req, res) => void sendSse(req, res, req.url === '/1' ? watched().source : fast()))
    await when(() => pulled > 0)
    await sleep(50)
    expect(pulled).toBeLessThan(65_536)
  })

  test.each([0, 30])('cut off, let both sources go, the waiting one too, whose handler waited %i ms', async (wait) => {
    const sources = [watched(), watched()]
    const ended: string[] = []
    const client = await two(async (req, res) => {
      if (req.url === '/2') await sleep(wait)
      await sendSse(req, res, sources[req.url === '/1' ? 0 : 1]!.source)
      ended.push(req.url)
    })
    await client.until(':\n\n')
    client.socket.resetAndDestroy()
    await when(() => ended.length === 2)
    expect(sources.map(({ done }) => done.at(-1))).toEqual(['returned', 'returned'])
  })

  test('leave one listener on the connection, however many wait, and none when they are over', async () => {
    let connection: IncomingMessage['socket'] | undefined
    const sent: Promise<void>[] = []
    const stop = new AbortController()
    let before = 0
    const { port } = await serve((req, res) => {
      connection ??= ((before = req.socket.listenerCount('close')), req.socket)
      sent.push(sendSse(req, res, watched().source, { signal: stop.signal }))
    })
    const client = await raw(port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(15))
    await when(() => sent.length === 15)
    expect(connection!.listenerCount('close') - before).toBeLessThanOrEqual(1)
    stop.abort()
    await Promise.all(sent)
    expect(connection!.listenerCount('close')).toBeLessThanOrEqual(before)
  })
})

test('an Express-like res that compresses delivers every item at once', async () => {
  const { url } = await serve((req, res) => {
    // What `compression` does to a response, in short.
    const gzip = createGzip()
    const [write, end] = [res.write.bind(res), res.end.bind(res)]
    gzip.on('data', (chunk: Buffer) => write(chunk)).on('end', () => end())
    gzip.on('drain', () => res.emit('drain'))
    res.setHeader('content-encoding', 'gzip')
    const compressing = Object.assign(res, {
      write: (text: string) => gzip.write(text),
      end: () => (gzip.end(), res),
      flush: () => gzip.flush(),
    })
    void sendSse(req, compressing as never, async function* () {
      yield 'a'
      await new Promise(() => {})
    })
  })
  const response = await fetch(url)
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('data: a\n\n')) text += (await reader.read()).value
  expect(text).toBe(':\n\ndata: a\n\n')
  await reader.cancel()
})

test('a response that its own program ends lets the source go', async () => {
  const { source, done } = watched()
  let sent: Promise<void> | undefined
  const { url } = await serve((req, res) => {
    sent = sendSse(req, res, source)
    setTimeout(() => res.end(), 10)
  })
  expect(await (await fetch(url)).text()).toBe(':\n\n')
  await sent
  expect(done).toEqual(['pulled', 'returned'])
})

test('a signal ends all streams, so that the server can close', async () => {
  const stop = new AbortController()
  const { url, server } = await serve((req, res) => void sendSse(req, res, watched().source, { signal: stop.signal }))
  const responses = await Promise.all([fetch(url), fetch(url)])
  stop.abort()
  expect(await Promise.all(responses.map((response) => response.text()))).toEqual([':\n\n', ':\n\n'])
  const begun = performance.now()
  await new Promise((resolve) => server.close(resolve))
  // Less than the 5 s after which Node cuts idle connections by itself.
  expect(performance.now() - begun).toBeLessThan(4500)
})
