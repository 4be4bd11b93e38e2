import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { once } from 'node:events'
import { Agent, request as request1, type IncomingMessage } from 'node:http'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { raw, serve, serve2, session2, sleep, when } from '../../test/helpers/servers.js'
import { createHub } from '../hub/hub.js'
import { pattern } from '../protocol/topic.js'
import { collect } from '../../test/helpers/collect.js'
import { nodeHandler } from './node-handler.js'

type Fetch = (request: Request) => Response | Promise<Response>

const all = pattern('**')

/** For `createServer`, which has no use for the promise. */
function handling(hub: { fetch: Fetch }): (...args: Parameters<ReturnType<typeof nodeHandler>>) => void {
  const handle = nodeHandler(hub)
  return (req, res) => void handle(req, res)
}

function hubOf(): ReturnType<typeof createHub> {
  const hub = createHub({ authorize: () => ({ read: all, write: all }) })
  onTestFinished(() => hub.close())
  return hub
}

/** One request on either protocol. */
const protocols: { name: string; ask: (fetch: Fetch, path?: string, init?: Init) => Promise<Answer> }[] = [
  {
    name: 'http',
    async ask(handle, path = '/', { body, ...init } = {}) {
      const { url } = await serve(handling({ fetch: handle }))
      const response = await fetch(url + path, { ...init, body: body ?? null })
      return {
        status: response.status,
        headers: { ...Object.fromEntries(response.headers), 'set-cookie': response.headers.getSetCookie() },
        text: await response.text(),
      }
    },
  },
  {
    name: 'http2',
    async ask(handle, path = '/', { method = 'GET', headers, body } = {}) {
      const { url } = await serve2(handling({ fetch: handle }))
      const session = await session2(url)
      const stream = session.request({ ':path': path, ':method': method, ...headers })
      stream.end(body)
      const [head] = (await once(stream, 'response')) as [Record<string, string>]
      let text = ''
      for await (const chunk of stream.setEncoding('utf8')) text += chunk as string
      return { status: Number(head[':status']), headers: head, text }
    },
  },
]

interface Init {
  method?: string
  headers?: Record<string, string>
  body?: string
}

interface Answer {
  readonly status: number
  readonly headers: Record<string, any>
  readonly text: string
}

describe.each(protocols)('nodeHandler on $name', ({ name, ask }) => {
  test('gives fetch the request as it is', async () => {
    let seen: Record<string, unknown> = {}
    const handle: Fetch = async (request) => {
      const { method, url, headers } = request
      seen = { method, url, a: headers.get('x-a'), host: headers.get('host'), body: await request.text() }
      return new Response('ok', { status: 201, headers: { 'x-b': 'c' } })
    }
    const answer = await ask(handle, '/a/b?c=%20d', { method: 'POST', headers: { 'x-a': 'é' }, body: 'hello' })
    expect(answer).toMatchObject({ status: 201, text: 'ok', headers: { 'x-b': 'c' } })
    expect(seen).toMatchObject({ method: 'POST', a: 'é', body: 'hello' })
    expect(seen['url']).toBe(`http://${String(seen['host'])}/a/b?c=%20d`)
  })

  test('an empty body is empty', async () => {
    expect(await ask(async (request) => new Response(`<${await request.text()}>`), '/', { method: 'POST' })).toMatchObject({ text: '<>' })
  })

  test('answers HEAD without a body', async () => {
    let cancelled = false
    const body = new ReadableStream({ cancel: () => void (cancelled = true) }, { highWaterMark: 0 })
    expect(await ask(() => new Response(body, { headers: { 'x-a': 'b' } }), '/', { method: 'HEAD' })).toMatchObject({
      status: 200,
      headers: { 'x-a': 'b' },
      text: '',
    })
    await when(() => cancelled)
  })

  test('keeps several cookies apart, and connection headers off HTTP/2', async () => {
    const headers = new Headers({ connection: 'keep-alive' })
    // Node drops them itself, and complains.
    const warned = vi.spyOn(process, 'emitWarning')
    onTestFinished(() => warned.mockRestore())
    headers.append('set-cookie', 'a=1')
    headers.append('set-cookie', 'b=2')
    const { headers: got } = await ask(() => new Response(null, { headers }))
    expect(got['set-cookie']).toEqual(['a=1', 'b=2'])
    expect(got['connection']).toBe(name === 'http' ? 'keep-alive' : undefined)
    expect(warned).not.toHaveBeenCalled()
  })

  test('what fetch throws is 500, without a word of it', async () => {
    const report = vi.spyOn(console, 'error').mockImplementation(() => {})
    onTestFinished(() => report.mockRestore())
    const error = new Error('password is 12345')
    const answer = await ask(() => Promise.reject(error))
    expect(answer.status).toBe(500)
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'INTERNAL_ERROR' })
    expect(answer.text).not.toContain('12345')
    expect(report).toHaveBeenCalledWith(error)
  })

  test('an answer is delivered though the body was not read to its end', async () => {
    const body = 'x'.repeat(300_000)
    expect(await ask(() => new Response('no', { status: 413 }), '/', { method: 'POST', body })).toMatchObject({ status: 413, text: 'no' })
    const first: Fetch = async (request) => {
      const reader = request.body!.getReader()
      await reader.read()
      await reader.cancel()
      return new Response('no', { status: 413 })
    }
    expect(await ask(first, '/', { method: 'POST', body })).toMatchObject({ status: 413, text: 'no' })
  })
})

describe('nodeHandler', () => {
  const readNothing: Fetch = () => new Response('no')
  const readSome: Fetch = async (request) => {
    const reader = request.body!.getReader()
    await reader.read()
    await reader.cancel()
    return new Response('no')
  }
  test.each([
    ['that nobody has read', readNothing],
    ['of which the beginning was read', readSome],
  ])('a connection is used again after a body %s', async (_, handle) => {
    const { port, sockets } = await serve(handling({ fetch: handle }))
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    for (let n = 0; n < 3; n++) {
      const req = request1({ port, method: 'POST', agent })
      req.end('x'.repeat(1_000_000))
      const [response] = (await once(req, 'response')) as [IncomingMessage]
      await once(response.resume(), 'end')
    }
    expect(sockets.length).toBe(1)
  })

  test.each([
    'GET / HTTP/1.1\r\nHost: a b\r\n\r\n',
    'GET / HTTP/1.1\r\nHost:\r\n\r\n',
    'GET /b HTTP/1.1\r\nHost: a/?\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n',
    'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET http://[/ HTTP/1.1\r\nHost: a\r\n\r\n',
  ])('a request that makes no sense is 400: %j', async (text) => {
    const { port } = await serve(handling({ fetch: () => new Response('reached') }))
    const client = await raw(port)
    client.send(text)
    await client.until('BAD_REQUEST')
    expect(client.text()).toContain('HTTP/1.1 400 ')
  })

  test.each([
    ['GET //evil.test/health HTTP/1.1\r\nHost: a.test', 'http://a.test//evil.test/health'],
    ['GET http://b.test/x HTTP/1.1\r\nHost: a.test', 'http://b.test/x'],
    ['GET /../x HTTP/1.1\r\nHost: a.test', 'http://a.test/x'],
  ])('%j is %s', async (text, url) => {
    const { port } = await serve(handling({ fetch: (request) => new Response(`<${request.url}>`) }))
    const client = await raw(port)
    client.send(`${text}\r\n\r\n`)
    await client.until('>')
    expect(client.text()).toContain(`<${url}>`)
  })

  test('streams: what is written is there at once, and a client that leaves cancels', async () => {
    let cancelled = 0
    let aborted = 0
    const handle: Fetch = (request) => {
      request.signal.addEventListener('abort', () => aborted++)
      return new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode('first')),
          cancel: () => void cancelled++,
        }),
      )
    }
    const { port } = await serve(handling({ fetch: handle }))
    const client = await raw(port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until('first')
    client.socket.destroy()
    await when(() => cancelled > 0 && aborted > 0)
    expect([cancelled, aborted]).toEqual([1, 1])
  })

  test('a client that does not read is not written to without end', async () => {
    let pulled = 0
    const handle: Fetch = () =>
      new Response(
        new ReadableStream({ pull: (controller) => (pulled++, controller.enqueue(new Uint8Array(100_000))) }, { highWaterMark: 0 }),
      )
    const { port } = await serve(handling({ fetch: handle }))
    const client = await raw(port)
    client.socket.pause()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await when(() => pulled > 2)
    let before = -1
    while (before < pulled) {
      before = pulled
      await sleep(100)
    }
    expect(pulled).toBeLessThan(200)
    client.socket.resume()
    await when(() => pulled > before)
  })

  test('a body that fails in mid-stream cuts the connection: a whole answer must not be seen', async () => {
    const report = vi.spyOn(console, 'error').mockImplementation(() => {})
    onTestFinished(() => report.mockRestore())
    let fail = (): void => {}
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(5))
        fail = () => controller.error(new Error('broken'))
      },
    })
    const { url } = await serve(handling({ fetch: () => new Response(body) }))
    const response = await fetch(url)
    fail()
    await expect(response.text()).rejects.toThrow('terminated')
  })

  test('resolves when the client leaves before there is an answer', async () => {
    let resolved = false
    let isAsked = false
    const handler = nodeHandler({
      fetch: ({ signal }) =>
        new Promise((_, reject) => {
          isAsked = true
          signal.onabort = () => reject(signal.reason as Error)
        }),
    })
    const { port } = await serve((req, res) => void handler(req, res).then(() => (resolved = true)))
    const client = await raw(port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await when(() => isAsked)
    // The one who answers holds the signal alone, and what nobody holds is gone.
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    for (let round = 0; round < 3; round++) {
      await sleep(10)
      collectGarbage()
    }
    client.socket.destroy()
    await when(() => resolved)
    expect(resolved).toBe(true)
  })

  test('says so when somebody has read the body before', async () => {
    const report = vi.spyOn(console, 'error').mockImplementation(() => {})
    onTestFinished(() => report.mockRestore())
    const handler = nodeHandler({ fetch: async (request) => new Response(await request.text()) })
    const { url } = await serve((req, res) => void req.resume().on('end', () => void handler(req, res)))
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(500)
    expect(String(report.mock.calls)).toContain('mount nodeHandler() before')
  })
})

describe('a hub behind nodeHandler', () => {
  test('streams, publishes, and lets go', async () => {
    const hub = hubOf()
    const { url } = await serve(handling(hub))
    const items = collect(fetch(`${url}/live/events?topic=a`), 2)
    await when(() => hub.stats().connections === 1)
    const { id } = (await (await fetch(`${url}/live/topics/a`, { method: 'POST', body: 'one' })).json()) as { id: string }
    await hub.publish('a', 'two')
    expect(await items).toMatchObject([{ data: 'one', id }, { data: 'two' }])
    await when(() => hub.stats().connections === 0)
    expect(await collect(fetch(`${url}/events?topic=a`, { headers: { 'last-event-id': id } }), 1)).toMatchObject([{ data: 'two' }])
  })

  test('streams on HTTP/2', async () => {
    const hub = hubOf()
    const { url } = await serve2(handling(hub))
    const session = await session2(url)
    const stream = session.request({ ':path': '/events?topic=a' })
    let text = ''
    stream.setEncoding('utf8').on('data', (part: string) => (text += part))
    await when(() => text.includes('id: '))
    await hub.publish('a', 'one')
    await when(() => text.includes('data: one'))
    expect(hub.stats().connections).toBe(1)
    stream.close(8)
    await when(() => hub.stats().connections === 0)
  })

  test('needs no web stream for that', async () => {
    const hub = hubOf()
    const fetched = vi.spyOn(hub, 'fetch')
    const { url } = await serve(handling(hub))
    await collect(fetch(`${url}/events?topic=a&from=earliest`), 0)
    expect(fetched).not.toHaveBeenCalled()
  })

  test('a client that leaves in the middle of its body is no failure of the server', async () => {
    const onError = vi.fn<(error: unknown) => void>()
    const hub = createHub({ authorize: () => ({ write: all }), onError })
    onTestFinished(() => hub.close())
    let [begun, done] = [0, 0]
    const handler = nodeHandler(hub)
    const { port } = await serve((req, res) => {
      begun++
      void handler(req, res).then(() => done++)
    })
    for (const [index, end] of (['destroy', 'resetAndDestroy'] as const).entries()) {
      const client = await raw(port)
      client.send('POST /topics/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhello')
      // What is reset before the server has read it never comes to it.
      await when(() => begun > index)
      await sleep(30)
      client.socket[end]()
    }
    await when(() => done === 2)
    expect(onError).not.toHaveBeenCalled()
    expect(hub.stats().published).toBe(0)
  })

  test('refuses a body that is too large while it comes', async () => {
    const hub = createHub({ authorize: () => ({ write: all }), limits: { itemBytes: 1000 } })
    onTestFinished(() => hub.close())
    const { port } = await serve(handling(hub))
    const req = request1({ port, method: 'POST', path: '/topics/a' })
    req.on('error', () => {})
    const answered = once(req, 'response') as Promise<[IncomingMessage]>
    // Without an end: the answer must come before it.
    req.write('x'.repeat(5000))
    const [response] = await answered
    expect(response.statusCode).toBe(413)
    req.destroy()
  })
})
