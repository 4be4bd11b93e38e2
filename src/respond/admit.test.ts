import { describe, expect, test } from 'vitest'
import { sse } from '../index.js'
import { sendSse } from '../node.js'
import { faces, type Answer } from '../../test/helpers/faces.js'
import { never, raw, serve, serve2, session2, sleep, when } from '../../test/helpers/servers.js'

const END_ID = 'server-sent:end'
// What Chromium and Firefox send for a page, and for an EventSource.
const NAVIGATION = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8'

describe.each(faces)('$name', ({ name, ask }) => {
  /** Sources of every kind, and what was done to them. */
  function untouched(): { readonly sources: [string, unknown][]; readonly done: string[] } {
    const done: string[] = []
    function* sync(): Generator {
      done.push('sync generator started')
      yield 'a'
    }
    async function* generator(): AsyncGenerator {
      done.push('generator started')
      yield 'a'
    }
    const stream = (): ReadableStream =>
      new ReadableStream(
        { pull: () => void done.push('stream pulled'), cancel: () => void done.push('stream cancelled') },
        { highWaterMark: 0 },
      )
    const iterable = {
      [Symbol.asyncIterator]: () => ({ next: () => done.push('iterable pulled'), return: () => void done.push('iterable returned') }),
    }
    return {
      sources: [
        ['function', () => void done.push('function called')],
        ['generator function', generator],
        ['sync generator', sync()],
        ['generator', generator()],
        ['ReadableStream', stream()],
        ['async iterable', iterable],
        ['array', ['a']],
      ],
      done,
    }
  }

  /** Asks with each kind of source, and that none was started. */
  async function askUntouched(options: object, request: Parameters<typeof ask>[2], check: (answer: Answer) => void): Promise<void> {
    const { sources, done } = untouched()
    for (const [kind, source] of sources) {
      const errors: unknown[] = []
      const answer = await ask(source, { onError: (error: unknown) => errors.push(error), ...options }, request)
      check(answer)
      await sleep(1)
      expect([kind, answer.refusal(), errors]).toEqual([kind, undefined, []])
    }
    expect(done.sort()).toEqual(['iterable returned', 'stream cancelled'])
  }

  test('answers with exactly these headers', async () => {
    const { status, headers } = await ask(['a'])
    const { date, ...rest } = headers
    expect(status).toBe(200)
    expect(Boolean(date)).toBe(name !== 'sse')
    expect(rest).toEqual({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      ...(name === 'sendSse, http' && { connection: 'close', 'transfer-encoding': 'chunked' }),
    })
  })

  test.each<[string, () => HeadersInit]>([
    ['an object', () => ({ 'Cache-Control': 'no-store', 'X-Own': 'y', 'Content-Type': 'text/plain', 'Content-Length': '3' })],
    ['Headers', () => new Headers({ 'cache-control': 'no-store', 'x-own': 'y', 'content-type': 'text/plain', 'content-length': '3' })],
    [
      'pairs',
      () => [
        ['CACHE-CONTROL', 'no-store'],
        ['x-own', 'y'],
        ['content-type', 'text/plain'],
        ['content-length', '3'],
      ],
    ],
  ])('sends the headers of the caller, given as %s, in place of its own but for the content type', async (_, headers) => {
    const answer = await ask(['a'], { headers: headers() })
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'x-own': 'y', 'content-type': 'text/event-stream' })
    // Whoever serves a Response sees to its length; here it would cut the stream.
    expect('content-length' in answer.headers).toBe(name === 'sse')
    expect(await answer.text()).toBe(':\n\ndata: a\n\n')
  })

  test('sends every Set-Cookie', async () => {
    const headers = [
      ['set-cookie', 'a=1; Path=/'],
      ['set-cookie', 'b=2; Expires=Wed, 01 Jan 2031 00:00:00 GMT'],
    ]
    expect((await ask(['a'], { headers })).headers['set-cookie']).toEqual(headers.map(([, value]) => value))
  })

  test('takes connection headers off an HTTP/2 answer', async () => {
    const headers = { connection: 'keep-alive', 'keep-alive': 'timeout=5', 'proxy-connection': 'x', upgrade: 'x', 'x-own': 'y' }
    const answer = await ask(['a'], { headers })
    expect(answer.headers['x-own']).toBe('y')
    expect(answer.headers['connection']).toBe(name === 'sendSse, http2' ? undefined : 'keep-alive')
    expect(await answer.text()).toBe(':\n\ndata: a\n\n')
  })

  test.each<[string, object, string]>([
    ['a comment', {}, ':\n\n'],
    ['the reconnection time', { retry: 0 }, 'retry: 0\n\n'],
    ['the reconnection time', { retry: 60_000 }, 'retry: 60000\n\n'],
  ])('sends %s at once, before the first item', async (_, options, text) => {
    const answer = await ask(never(), options)
    await answer.until(text)
    expect(answer.soFar().replace(/^:\n(?=retry)/, '')).toBe(text)
    expect(answer.hasEnded()).toBe(false)
    answer.leave()
  })

  test('answers HEAD with the head of GET, and starts no source', async () => {
    const expected = (await ask(['a'])).headers
    await askUntouched({}, { method: 'HEAD' }, ({ status, headers, soFar }) => {
      expect(status).toBe(200)
      expect({ ...headers, date: '', 'transfer-encoding': '' }).toEqual({ ...expected, date: '', 'transfer-encoding': '' })
      expect(soFar()).toBe('')
    })
  })

  test('answers HEAD with open: first-item, and starts no source', async () => {
    await askUntouched({ open: 'first-item' }, { method: 'HEAD' }, ({ status }) => expect(status).toBe(200))
  })

  test.each(['application/json', 'text/html', 'text/event-stream;q=0', 'text/event-stream; q=0.000', 'text/event-stream;q=0, */*'])(
    'answers 406 to Accept: %s, with words',
    async (accept) => {
      const answer = await ask(['a'], {}, { headers: { accept } })
      expect([answer.status, answer.headers['content-type']]).toEqual([406, 'application/json'])
      expect(JSON.parse(await answer.text())).toEqual({ code: 'NOT_ACCEPTABLE', message: expect.stringContaining('text/event-stream') })
    },
  )

  test('starts no source for a 406', async () => {
    await askUntouched({}, { headers: { accept: 'text/html' } }, ({ status }) => expect(status).toBe(406))
  })

  test.each([
    undefined,
    '',
    '*/*',
    'text/*',
    'text/event-stream',
    'Text/Event-Stream',
    NAVIGATION,
    'application/json, text/event-stream',
    'text/html;q=0.9, */*;q=0.1',
  ])('streams to Accept: %s', async (accept) => {
    const answer = await ask(['a'], {}, { headers: accept === undefined ? {} : { accept } })
    expect([answer.status, await answer.text()]).toEqual([200, ':\n\ndata: a\n\n'])
  })

  test('reconnect: false answers 204 to who comes back with the last id it gave, and starts no source', async () => {
    const text = await (await ask(['a'], { reconnect: false })).text()
    expect(text).toBe(`:\n\ndata: a\n\nid: ${END_ID}\n\n`)
    for (const back of [{ headers: { 'last-event-id': END_ID } }, { path: `/?lastEventId=${encodeURIComponent(END_ID)}` }]) {
      await askUntouched({ reconnect: false }, back, ({ status, headers, soFar }) => {
        expect(status).toBe(204)
        expect(headers).not.toHaveProperty('content-type')
        expect(soFar()).toBe('')
      })
    }
  })

  test.each<[string, object, Record<string, string>]>([
    ['another id', { reconnect: false }, { 'last-event-id': '7' }],
    ['an id that begins with it', { reconnect: false }, { 'last-event-id': `${END_ID}!` }],
    ['no id', { reconnect: false }, {}],
    ['that id at an endpoint that lets clients reconnect', {}, { 'last-event-id': END_ID }],
  ])('streams to %s', async (_, options, headers) => {
    const answer = await ask(['a'], options, { headers })
    expect(answer.status).toBe(200)
    expect(await answer.text()).toContain('data: a\n\n')
  })

  describe('cors', () => {
    const SHOP = 'https://shop.example'
    const allowed = (origin: string) => ({
      'access-control-allow-origin': origin,
      'access-control-allow-headers': 'Last-Event-ID, Authorization, Cache-Control, Content-Type',
    })
    const cookies = { 'access-control-allow-credentials': 'true' }
    const ofCors = ({ headers }: Answer) =>
      Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control')))

    test.each<[string, object, string | undefined, object]>([
      ['lets a named origin read', { origin: SHOP }, SHOP, allowed(SHOP)],
      ['lets a named origin read with cookies', { origin: SHOP, credentials: true }, SHOP, { ...allowed(SHOP), ...cookies }],
      ['lets an origin of a list read', { origin: ['https://a.example', SHOP] }, SHOP, allowed(SHOP)],
      [
        'lets an origin of a list read with cookies',
        { origin: ['https://a.example', SHOP], credentials: true },
        SHOP,
        { ...allowed(SHOP), ...cookies },
      ],
      [
        'lets an origin read that a function allows',
        { origin: (origin: string) => origin.endsWith('.example'), credentials: true },
        SHOP,
        { ...allowed(SHOP), ...cookies },
      ],
      ["lets everybody read with '*'", { origin: '*' }, SHOP, allowed('*')],
      ["lets everybody read with '*' and credentials: false", { origin: '*', credentials: false }, SHOP, allowed('*')],
      ['says nothing to another origin', { origin: SHOP, credentials: true }, 'https://evil.example', {}],
      ['says nothing to an origin that begins like the named one', { origin: SHOP, credentials: true }, `${SHOP}.evil.example`, {}],
      ['says nothing to another scheme', { origin: SHOP }, 'http://shop.example', {}],
      ['says nothing to an origin that no entry of a list is', { origin: ['https://a.example'] }, SHOP, {}],
      ['says nothing with an empty list', { origin: [] }, SHOP, {}],
      ['says nothing to an origin that a function refuses', { origin: () => false }, SHOP, {}],
      ['says nothing to the origin null', { origin: SHOP, credentials: true }, 'null', {}],
      ['says nothing without an origin', { origin: SHOP }, undefined, {}],
    ])('%s, and to its preflight the same', async (_, cors, origin, expected) => {
      const headers: Record<string, string> = origin === undefined ? {} : { origin }
      const answer = await ask(['a'], { cors }, { headers })
      expect([answer.status, ofCors(answer), answer.headers['vary']]).toEqual([200, expected, 'Origin'])
      expect(await answer.text()).toBe(':\n\ndata: a\n\n')

      const preflight = { ...headers, 'access-control-request-method': 'GET', 'access-control-request-headers': 'last-event-id' }
      const before = await ask(['a'], { cors }, { method: 'OPTIONS', headers: preflight })
      expect([before.status, ofCors(before), before.headers['vary'], await before.text()]).toEqual([204, expected, 'Origin', ''])
    })

    test('starts no source for a preflight', async () => {
      await askUntouched({ cors: { origin: '*' } }, { method: 'OPTIONS', headers: { origin: SHOP } }, ({ status }) =>
        expect(status).toBe(204),
      )
    })

    test('says nothing without the option', async () => {
      const answer = await ask(['a'], {}, { headers: { origin: SHOP } })
      expect(ofCors(answer)).toEqual({})
      expect(answer.headers).not.toHaveProperty('vary')
    })

    test('joins Vary with that of the caller', async () => {
      const answer = await ask(['a'], { cors: { origin: SHOP }, headers: { vary: 'Accept-Encoding' } })
      expect(answer.headers['vary']).toBe('Accept-Encoding, Origin')
    })

    test('lets the allowed origin read a refusal, too', async () => {
      const answer = await ask(['a'], { cors: { origin: SHOP } }, { headers: { origin: SHOP, accept: 'application/json' } })
      expect([answer.status, ofCors(answer)]).toEqual([406, allowed(SHOP)])
    })
  })
})

test('sse() without a request streams, for frameworks that have none at hand', async () => {
  const response = sse(['a'])
  expect([response.status, await response.text()]).toEqual([200, ':\n\ndata: a\n\n'])
})

test('headers that middleware has set on res survive, but for a length', async () => {
  const { port } = await serve((req, res) => {
    res.setHeader('Vary', 'Accept-Encoding')
    res.setHeader('Set-Cookie', ['a=1', 'b=2'])
    res.setHeader('X-Powered-By', 'Express')
    res.setHeader('Content-Length', 5)
    res.setHeader('Cache-Control', 'public, max-age=600')
    res.statusCode = 404
    void sendSse(req, res, ['a'], { cors: { origin: '*' }, headers: { 'set-cookie': 'c=3' } })
  })
  const response = await fetch(`http://127.0.0.1:${port}`)
  expect(response.status).toBe(200)
  expect(response.headers.get('vary')).toBe('Accept-Encoding, Origin')
  expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2', 'c=3'])
  expect(response.headers.get('x-powered-by')).toBe('Express')
  expect(response.headers.get('cache-control')).toBe('no-cache, no-transform')
  expect(response.headers.has('content-length')).toBe(false)
  expect(await response.text()).toBe(':\n\ndata: a\n\n')
})

test('headers that middleware has set on res survive on HTTP/2', async () => {
  const { url } = await serve2((req, res) => {
    res.setHeader('vary', 'accept-encoding')
    res.setHeader('set-cookie', 'a=1')
    res.setHeader('content-length', '5')
    void sendSse(req, res, ['a'], { cors: { origin: '*' }, headers: { 'set-cookie': 'c=3' } })
  })
  const stream = (await session2(url)).request({ ':path': '/' })
  const headers = await new Promise<Record<string, unknown>>((resolve) => stream.on('response', resolve))
  expect(headers).toMatchObject({ ':status': 200, vary: 'accept-encoding, Origin', 'set-cookie': ['a=1', 'c=3'] })
  expect(headers).not.toHaveProperty('content-length')
})

test.each([
  ['a stream', 'GET', '*/*', 'data: a\n\n', 200],
  ['HEAD', 'HEAD', '*/*', '', 200],
  ['a refusal', 'GET', 'text/html', 'NOT_ACCEPTABLE', 406],
  ['a preflight', 'OPTIONS', '*/*', '', 204],
])('a connection serves another request after %s', async (_, method, accept, text, status) => {
  let ended = 0
  const { port, sockets } = await serve((req, res) => void sendSse(req, res, ['a']).then(() => ended++))
  const client = await raw(port)
  for (const turn of [1, 2, 3]) {
    const before = client.text().length
    client.send(`${method} / HTTP/1.1\r\nHost: a\r\nAccept: ${accept}\r\n\r\n`)
    await client.until(new RegExp(`(HTTP/1\\.1 ${status}[^]*?\r\n\r\n[^]*${text}[^]*){${turn}}`))
    expect(client.text().slice(before)).toMatch(/^HTTP/)
    await when(() => ended === turn)
  }
  expect(sockets.length).toBe(1)
  expect(sockets[0]?.destroyed).toBe(false)
})

test('a client of HTTP/1.0 gets the bare items and then the end of the connection', async () => {
  const { port } = await serve((req, res) => void sendSse(req, res, ['a', 'b'], { reconnect: false }))
  const client = await raw(port)
  client.send('GET / HTTP/1.0\r\n\r\n')
  await client.closed()
  const [head, body] = client.text().split('\r\n\r\n')
  expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  expect(head?.toLowerCase()).not.toContain('transfer-encoding')
  expect(body).toBe(`:\n\ndata: a\n\ndata: b\n\nid: ${END_ID}\n\n`)
})

test('a mounted router, which shortens req.url, still shows the query', async () => {
  const { port } = await serve((req, res) => {
    req.url = req.url?.replace('/mounted', '') ?? '/'
    void sendSse(req, res, ({ lastEventId }) => [lastEventId])
  })
  expect(await (await fetch(`http://127.0.0.1:${port}/mounted?lastEventId=5`)).text()).toBe(':\n\ndata: 5\n\n')
})
