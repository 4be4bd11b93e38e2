import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { when } from '../../../test/helpers/servers.js'
import { memoryEngine } from '../../engines/memory.js'
import { SseError } from '../../errors.js'
import { defineEvents, unchecked, type StandardSchema } from '../../protocol/events.js'
import { pattern } from '../../protocol/topic.js'
import { collect } from '../../../test/helpers/collect.js'
import { createHub } from '../hub.js'
import type { Grant, HubOptions } from '../options.js'

type Options = HubOptions<any, any> & { events?: any }

const everything: Grant = { read: pattern('**'), write: pattern('**') }

function hubWith(options: Options = {}): ReturnType<typeof createHub> {
  const hub = createHub({ authorize: () => everything, ...options })
  onTestFinished(() => hub.close())
  return hub
}

/** A request to a hub, and the answer with its JSON. */
async function ask(hub: { fetch(request: Request): Promise<Response> }, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await hub.fetch(new Request(new URL(path, 'http://hub.test'), init))
  const isStream = response.headers.get('content-type') === 'text/event-stream'
  const text = isStream ? '' : await response.text()
  if (isStream) await response.body?.cancel()
  return { status: response.status, headers: response.headers, body: text && JSON.parse(text) }
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: any
}

const post = (body: BodyInit | null = 'hello', headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  body,
  headers: { 'content-type': 'text/plain', ...headers },
})

describe('GET /events', () => {
  test('is the stream of the topics and patterns that it names', async () => {
    const hub = hubWith()
    const response = await hub.fetch(new Request('http://hub.test/events?topic=a&topic=b&pattern=stock/*'))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const items = collect(response, 3)
    await when(() => hub.stats().connections === 1)
    for (const topic of ['a', 'c', 'stock/1', 'stock/1/price', 'b']) await hub.publish(topic, `of ${topic}`)
    expect((await items).map(({ data }) => data)).toEqual(['of a', 'of stock/1', 'of b'])
    await when(() => hub.stats().connections === 0)
  })

  test('resumes by Last-Event-ID, or by ?lastEventId=', async () => {
    const hub = hubWith()
    const { id } = await hub.publish('a', '1')
    await hub.publish('a', '2')
    const header = hub.fetch(new Request('http://hub.test/events?topic=a', { headers: { 'last-event-id': id! } }))
    expect(await collect(header, 1)).toMatchObject([{ data: '2' }])
    const query = hub.fetch(new Request(`http://hub.test/events?topic=a&lastEventId=${encodeURIComponent(id!)}`))
    expect(await collect(query, 1)).toMatchObject([{ data: '2' }])
  })

  test('begins with the oldest item on ?from=earliest', async () => {
    const hub = hubWith()
    await hub.publish('a', '1')
    expect(await collect(hub.fetch(new Request('http://hub.test/events?topic=a&from=earliest')), 1)).toMatchObject([{ data: '1' }])
  })

  test.each([
    ['nonsense', 'nonsense'],
    ['a position of another log', 'AAAAAAAAAA-7'],
    ['a position of the future', 'future'],
    ['text of 100,000 characters', 'x'.repeat(100_000)],
    ['bytes that are no UTF-8', '\u00ff\u00fe'],
    ['a wildcard', '*'],
  ])('never refuses a last event ID: %s', async (_, given) => {
    const hub = hubWith()
    const id = given === 'future' ? `${hub.lastEventId}0` : given
    for (const request of [
      new Request('http://hub.test/events?topic=a', { headers: { 'last-event-id': id } }),
      new Request(`http://hub.test/events?topic=a&lastEventId=${encodeURIComponent(id)}`),
    ]) {
      const response = await hub.fetch(request)
      expect(response.status).toBe(200)
      await response.body?.cancel()
    }
  })

  test('answers HEAD with the head alone', async () => {
    const hub = hubWith()
    const { status, headers } = await ask(hub, '/events?topic=a', { method: 'HEAD' })
    expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    expect(hub.stats().connections).toBe(0)
  })

  test.each([
    ['/events', 400, 'SSE_INVALID_TOPIC', '?topic=name'],
    ['/events?topic=', 400, 'SSE_INVALID_TOPIC', 'Not a topic: ""'],
    ['/events?topic=stock/*', 400, 'SSE_INVALID_TOPIC', '?pattern='],
    ['/events?topic=**', 400, 'SSE_INVALID_TOPIC', '?pattern='],
    ['/events?topic=a%0Ab', 400, 'SSE_INVALID_TOPIC', 'A topic is'],
    ['/events?topic=a/../b', 400, 'SSE_INVALID_TOPIC', 'no segment'],
    ['/events?topic=a&topic=b%00', 400, 'SSE_INVALID_TOPIC', 'A topic is'],
    ['/events?pattern=a*', 400, 'SSE_INVALID_TOPIC', 'whole segments'],
    ['/events?pattern=**/a', 400, 'SSE_INVALID_TOPIC', 'the last one'],
    [`/events?topic=${'x'.repeat(256)}`, 400, 'SSE_INVALID_TOPIC', '255'],
    ['/events?topic=a&from=yesterday', 400, 'INVALID_PARAMETER', 'earliest'],
    [`/events?${'topic=a&'.repeat(101)}`, 400, 'TOO_MANY_TOPICS', 'topicsPerConnection'],
    [`/events?topic=a&x=${'x'.repeat(16_400)}`, 414, 'URI_TOO_LONG', 'pattern'],
  ])('%s is refused with %i %s that says %s', async (path, status, code, words) => {
    const answer = await ask(hubWith(), path)
    expect(answer).toMatchObject({ status, body: { code } })
    expect(answer.body.message).toContain(words)
  })

  test('has a limit of topics, and one of connections', async () => {
    const hub = hubWith({ limits: { topicsPerConnection: 2, connections: 1 } })
    expect((await ask(hub, '/events?topic=a&topic=b')).status).toBe(200)
    expect((await ask(hub, '/events?topic=a&topic=b&pattern=c')).body.code).toBe('TOO_MANY_TOPICS')
    const first = await hub.fetch(new Request('http://hub.test/events?topic=a'))
    await when(() => hub.stats().connections === 1)
    const second = await ask(hub, '/events?topic=a')
    expect(second).toMatchObject({ status: 503, body: { code: 'TOO_MANY_CONNECTIONS' } })
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0)
    await first.body?.cancel()
  })

  test('refuses a client that takes no event stream', async () => {
    expect(await ask(hubWith(), '/events?topic=a', { headers: { accept: 'text/html' } })).toMatchObject({
      status: 406,
      body: { code: 'NOT_ACCEPTABLE' },
    })
  })
})

describe('POST /topics/{topic}', () => {
  test('publishes the body as it is, and gives the id', async () => {
    const hub = hubWith()
    const items = collect(hub.subscribe('a', { from: 'earliest' }), 2)
    const { status, body } = await ask(hub, '/topics/a?event=greeting', post('\ufeffhello\nworld'))
    expect(status).toBe(201)
    expect(body).toEqual({ id: hub.lastEventId })
    await ask(hub, '/topics/a', post('{"b":1}', { 'content-type': 'application/json; charset=utf-8' }))
    expect(await items).toMatchObject([
      { event: 'greeting', data: '\ufeffhello\nworld', id: body.id },
      { event: 'message', data: '{"b":1}' },
    ])
  })

  test.each([
    ['/topics/a', 'a'],
    ['/topics/stock/1', 'stock/1'],
    ['/topics/stock%2F1', 'stock/1'],
    ['/topics/a%3Ab', 'a:b'],
    ['/any/prefix/topics/a', 'a'],
    ['/topics/forum/topics/1', 'forum/topics/1'],
    ['/topics/orders/events', 'orders/events'],
    ['/topics/health', 'health'],
  ])('takes the topic from the path: %s is %s', async (path, topic) => {
    const hub = hubWith()
    const items = collect(hub.subscribe(topic, { from: 'earliest' }), 1)
    expect((await ask(hub, path, post())).status).toBe(201)
    expect(await items).toMatchObject([{ data: 'hello' }])
  })

  test('the same Idempotency-Key publishes once, and is refused for other data', async () => {
    const hub = hubWith()
    const key = { 'idempotency-key': 'k1' }
    const first = await ask(hub, '/topics/a', post('1', key))
    expect(await ask(hub, '/topics/a', post('1', key))).toMatchObject({ status: 201, body: first.body })
    expect(await ask(hub, '/topics/a', post('2', key))).toMatchObject({ status: 409, body: { code: 'SSE_CONFLICT' } })
  })

  test.each<[string, string, RequestInit, number, string, string]>([
    ['a wildcard', '/topics/*', post(), 400, 'SSE_INVALID_TOPIC', 'A topic is'],
    ['no topic', '/topics/', post(), 400, 'SSE_INVALID_TOPIC', 'Not a topic'],
    ['a broken escape', '/topics/%ff', post(), 400, 'SSE_INVALID_TOPIC', 'encodeURIComponent'],
    ['a line break', '/topics/a%0Aid:%201', post(), 400, 'SSE_INVALID_TOPIC', 'A topic is'],
    ['a line break in the event', '/topics/a?event=a%0Ab', post(), 400, 'SSE_INVALID_FIELD', 'event'],
    ['the event gap', '/topics/a?event=gap', post(), 400, 'SSE_INVALID_FIELD', 'gap'],
    ['an endless key', '/topics/a', post('x', { 'idempotency-key': 'k'.repeat(256) }), 400, 'SSE_INVALID_FIELD', '255'],
    ['bytes', '/topics/a', post(Uint8Array.of(0xc3, 0x28)), 400, 'SSE_INVALID_DATA', 'UTF-8'],
    ['half a character', '/topics/a', post(Uint8Array.of(0x61, 0xc3)), 400, 'SSE_INVALID_DATA', 'UTF-8'],
    ['compressed', '/topics/a', post('x', { 'content-encoding': 'gzip' }), 415, 'UNSUPPORTED_MEDIA_TYPE', 'uncompressed'],
    ['Latin-1', '/topics/a', post('x', { 'content-type': 'text/plain; charset=iso-8859-1' }), 415, 'UNSUPPORTED_MEDIA_TYPE', 'UTF-8'],
    ['a picture', '/topics/a', post('x', { 'content-type': 'image/png' }), 415, 'UNSUPPORTED_MEDIA_TYPE', 'Content-Type'],
    ['a form', '/topics/a', { method: 'POST', body: new URLSearchParams('a=b') }, 415, 'UNSUPPORTED_MEDIA_TYPE', 'any page could send'],
    ['a multipart form', '/topics/a', { method: 'POST', body: formOf() }, 415, 'UNSUPPORTED_MEDIA_TYPE', 'text/plain'],
  ])('refuses %s', async (_, path, init, status, code, words) => {
    const answer = await ask(hubWith(), path, init)
    expect(answer).toMatchObject({ status, body: { code } })
    expect(answer.body.message).toContain(words)
  })

  test('no content type is text; an empty body is an empty item', async () => {
    const hub = hubWith()
    const items = collect(hub.subscribe('a', { from: 'earliest' }), 2)
    await ask(hub, '/topics/a', { method: 'POST', body: new Blob(['x']) })
    await ask(hub, '/topics/a', { method: 'POST' })
    expect(await items).toMatchObject([{ data: 'x' }, { data: '' }])
  })

  test('stops reading at limits.itemBytes', async () => {
    const hub = hubWith({ limits: { itemBytes: 1000 } })
    expect((await ask(hub, '/topics/a', post('ä'.repeat(500)))).status).toBe(201)
    const refused = { status: 413, body: { code: 'BODY_TOO_LARGE' } }
    expect(await ask(hub, '/topics/a', post('ä'.repeat(501)))).toMatchObject(refused)
    // Told by the length it declares, without a look at the body.
    const declared = { method: 'POST', headers: { 'content-length': '1001' }, body: unread(), duplex: 'half' }
    expect(await ask(hub, '/topics/a', declared as RequestInit)).toMatchObject(refused)
    let pulled = 0
    let cancelled = false
    const endless = new ReadableStream({
      pull: (controller) => (pulled++, controller.enqueue(new Uint8Array(100).fill(97))),
      cancel: () => void (cancelled = true),
    })
    const init = { method: 'POST', body: endless, duplex: 'half' }
    expect(await ask(hub, '/topics/a', init as RequestInit)).toMatchObject(refused)
    expect(pulled).toBeLessThan(20)
    expect(cancelled).toBe(true)
  })

  test.each<[string, Record<string, string>, Options['cors'], number]>([
    ['a page of this host', { origin: 'https://hub.test' }, undefined, 201],
    [
      'a page of this origin, as the browser says, behind a proxy',
      { origin: 'https://x', 'sec-fetch-site': 'same-origin' },
      undefined,
      201,
    ],
    ['another site', { origin: 'https://evil.test' }, undefined, 403],
    ['another port', { origin: 'http://hub.test:8080' }, undefined, 403],
    ['a sandboxed page', { origin: 'null' }, undefined, 403],
    ['another site that hides its origin', { 'sec-fetch-site': 'cross-site' }, undefined, 403],
    ['another host of the same site', { 'sec-fetch-site': 'same-site' }, undefined, 403],
    ['another site that is allowed', { origin: 'https://shop.test', 'sec-fetch-site': 'cross-site' }, { origin: 'https://shop.test' }, 201],
    ['another site than that', { origin: 'https://evil.test' }, { origin: 'https://shop.test' }, 403],
    ['cookies without `credentials`', { origin: 'https://shop.test', cookie: 'a=b' }, { origin: '*' }, 403],
    ['cookies with `credentials`', { origin: 'https://a.test', cookie: 'a=b' }, { origin: 'https://a.test', credentials: true }, 201],
  ])('from %s', async (_, headers, cors, status) => {
    const answer = await ask(hubWith({ cors }), '/topics/a', post('x', headers))
    expect([answer.status, answer.body.code]).toEqual([status, status === 403 ? 'ORIGIN_NOT_ALLOWED' : undefined])
    expect(answer.body.message ?? '`cors.').toContain('`cors.')
  })
})

describe('with a map of events', () => {
  const whole: StandardSchema<number> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => (Number.isInteger(value) ? { value: value as number } : { issues: [{ message: 'not a whole number' }] }),
    },
  }
  const events = defineEvents({ left: whole, note: unchecked<string>() })

  test('the body is JSON of a known event, validated', async () => {
    const hub = hubWith({ events })
    const items = collect(hub.subscribe('a', { from: 'earliest' }), 2)
    expect((await ask(hub, '/topics/a?event=left', post(' 3 '))).status).toBe(201)
    expect((await ask(hub, '/topics/a?event=note', post('"x"'))).status).toBe(201)
    expect(await items).toMatchObject([
      { event: 'left', data: 3 },
      { event: 'note', data: 'x' },
    ])
  })

  test.each([
    ['/topics/a', '3', 'SSE_UNKNOWN_EVENT', '?event='],
    ['/topics/a?event=other', '3', 'SSE_UNKNOWN_EVENT', 'left, note'],
    ['/topics/a?event=__proto__', '3', 'SSE_UNKNOWN_EVENT', 'left, note'],
    ['/topics/a?event=left', '"three"', 'SSE_INVALID_DATA', 'not a whole number'],
    ['/topics/a?event=left', 'three', 'SSE_INVALID_DATA', 'JSON'],
  ])('%s with %s is refused with %s that says %s', async (path, body, code, words) => {
    const answer = await ask(hubWith({ events }), path, post(body))
    expect(answer).toMatchObject({ status: 400, body: { code } })
    expect(answer.body.message).toContain(words)
  })
})

describe('authorize', () => {
  test('without it everything but /health is refused, and told why', async () => {
    const hub = hubWith({ authorize: undefined })
    for (const [path, init] of [['/events?topic=a'], ['/topics/a', post()], ['/stats']] as [string, RequestInit?][]) {
      const answer = await ask(hub, path, init)
      expect(answer).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } })
      expect(answer.body.message).toContain('`authorize`')
    }
    expect(await ask(hub, '/health')).toMatchObject({ status: 200, body: { status: 'ok' } })
  })

  test.each<[string, Grant | undefined, string, number]>([
    ['nobody', undefined, '/events?topic=a', 401],
    ['nobody, also for /stats', undefined, '/stats', 401],
    ['an empty grant', {}, '/events?topic=a', 403],
    ['an empty list', { read: [] }, '/events?topic=a', 403],
    ['any grant for /stats', {}, '/stats', 200],
    ['the topic', { read: 'a' }, '/events?topic=a', 200],
    ['a topic beside it', { read: 'a' }, '/events?topic=b', 403],
    ['one of two topics', { read: 'a' }, '/events?topic=a&topic=b', 403],
    ['a pattern over the topic', { read: pattern('a/*') }, '/events?topic=a/1', 200],
    ['a pattern over the pattern', { read: ['b', pattern('a/**')] }, '/events?pattern=a/*', 200],
    ['a topic for a pattern', { read: ['a/1', 'a/2'] }, '/events?pattern=a/*', 403],
    ['a narrower pattern', { read: pattern('a/*') }, '/events?pattern=a/**', 403],
    ['writing for reading', { write: pattern('**') }, '/events?topic=a', 403],
    ['what has expired', { read: 'a', expiresAt: new Date(Date.now() - 1) }, '/events?topic=a', 401],
  ])('%s', async (_, grant, path, status) => {
    const answer = await ask(hubWith({ authorize: async () => grant }), path)
    expect(answer.status).toBe(status)
    expect(answer.headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer' : null)
    expect(/Not allowed to read (the pattern )?"[ab]/.test(answer.body.message ?? '')).toBe(status === 403)
  })

  test('names the topic that is refused', async () => {
    const hub = hubWith({ authorize: () => ({ read: 'a', write: ['a', pattern('b/*')] }) })
    expect((await ask(hub, '/events?topic=a&topic=c/1')).body.message).toContain('"c/1"')
    expect((await ask(hub, '/topics/c', post())).body.message).toBe(
      'Not allowed to write "c": leave it out, or ask for a grant that names it',
    )
    expect((await ask(hub, '/topics/b/1', post())).status).toBe(201)
  })

  test.each([new Error('password is 12345'), new SseError('SSE_INVALID_TOPIC', 'password is 12345')])(
    'what it throws is not told to the client: %s',
    async (error) => {
      const onError = vi.fn<(error: unknown) => void>()
      const hub = hubWith({ authorize: () => Promise.reject(error), onError })
      const { status, body } = await ask(hub, '/stats')
      expect([status, body.code]).toEqual([500, 'INTERNAL_ERROR'])
      expect(body.message).not.toContain('12345')
      expect(onError).toHaveBeenCalledExactlyOnceWith(error)
    },
  )

  test.each([['a string'], [null], [{ read: 'a b' }], [{ write: '*' }], [{ principal: 7 }], [{ expiresAt: 'soon' }]])(
    "a wrong grant is the server's failure: %j",
    async (grant) => {
      const onError = vi.fn<(error: unknown) => void>()
      const hub = hubWith({ authorize: () => grant as never, onError })
      expect(await ask(hub, '/events?topic=a')).toMatchObject({ status: 500, body: { code: 'INTERNAL_ERROR' } })
      expect(onError).toHaveBeenCalledOnce()
    },
  )

  test('a stream ends when its grant expires', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const hub = hubWith({ authorize: () => ({ read: 'a', expiresAt: new Date(Date.now() + 80) }) })
    const response = await hub.fetch(new Request('http://hub.test/events?topic=a'))
    let text: string | undefined
    void response.text().then((all) => (text = all))
    await vi.advanceTimersByTimeAsync(70)
    expect(text).toBeUndefined()
    await vi.advanceTimersByTimeAsync(20)
    expect(text).toContain('id: ')
  })
})

describe('the host', () => {
  const allowHosts = ['hub.test', '127.0.0.1', '[::1]', 'shop.test:8443']

  test.each([
    ['http://hub.test/health', 200],
    ['http://hub.test:5000/health', 200],
    ['http://HUB.test/health', 200],
    ['http://127.0.0.1:5000/health', 200],
    ['http://[::1]:5000/health', 200],
    ['http://shop.test:8443/health', 200],
    ['http://shop.test/health', 421],
    ['http://evil.test/health', 421],
    ['http://hub.test.evil.test/events?topic=a', 421],
    ['http://localhost/health', 421],
  ])('%s: %i', async (url, status) => {
    const answer = await ask(hubWith({ allowHosts }), url)
    expect([answer.status, answer.body.code]).toEqual([status, status === 421 ? 'HOST_NOT_ALLOWED' : undefined])
    expect(answer.body.message ?? '`allowHosts`').toContain('`allowHosts`')
  })

  test.each(['evil.test', 'a b', 'hub.test@evil.test', 'hub.test/'])('the header counts beside the URL: %s', async (host) => {
    expect((await ask(hubWith({ allowHosts }), '/health', { headers: { host } })).status).toBe(421)
  })

  test('any is taken without the option', async () => {
    expect((await ask(hubWith(), 'http://evil.test/health')).status).toBe(200)
  })
})

describe('CORS', () => {
  const cors = { origin: 'https://shop.test' }
  const headers = { origin: 'https://shop.test' }

  test.each(['/events?topic=a', '/topics/a'])('answers the preflight of %s without asking who it is', async (path) => {
    const hub = hubWith({ cors, authorize: () => undefined })
    const answer = await ask(hub, path, { method: 'OPTIONS', headers })
    expect(answer.status).toBe(204)
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://shop.test')
    for (const name of ['Last-Event-ID', 'Authorization', 'Content-Type', 'Idempotency-Key'])
      expect(answer.headers.get('access-control-allow-headers')).toContain(name)
    expect(
      (await ask(hub, path, { method: 'OPTIONS', headers: { origin: 'https://evil.test' } })).headers.has('access-control-allow-origin'),
    ).toBe(false)
  })

  test('lets streams, answers and refusals be read', async () => {
    const hub = hubWith({ cors })
    for (const answer of [
      await ask(hub, '/events?topic=a', { headers }),
      await ask(hub, '/topics/a', post('x', headers)),
      await ask(hub, '/events', { headers }),
    ])
      expect(answer.headers.get('access-control-allow-origin')).toBe('https://shop.test')
  })
})

describe('the rest', () => {
  test.each([
    ['GET', '/', 404, undefined],
    ['GET', '/eventss', 404, undefined],
    ['GET', '/myevents', 404, undefined],
    ['GET', '/events/x', 404, undefined],
    ['POST', '/topics', 404, undefined],
    ['POST', '/events?topic=a', 405, 'GET, HEAD, OPTIONS'],
    ['DELETE', '/stats', 405, 'GET, HEAD, OPTIONS'],
    ['GET', '/topics/a', 405, 'POST, OPTIONS'],
    ['PUT', '/topics/a', 405, 'POST, OPTIONS'],
    ['PUT', '/topics/a/events', 405, 'POST, OPTIONS'],
  ])('%s %s: %i', async (method, path, status, allow) => {
    const answer = await ask(hubWith(), path, { method })
    expect(answer.status).toBe(status)
    expect(answer.headers.get('allow') ?? undefined).toBe(allow)
    expect(answer.body).toMatchObject({ code: expect.any(String), message: expect.any(String) })
  })

  test('a hub may be mounted below any prefix', async () => {
    const hub = hubWith()
    expect((await ask(hub, '/api/v1/live/health')).status).toBe(200)
    expect((await ask(hub, '/api/v1/live/events?topic=a')).status).toBe(200)
  })

  test('/stats has the figures of the hub', async () => {
    const hub = hubWith()
    await hub.publish('a', 'x')
    expect((await ask(hub, '/stats')).body).toEqual(hub.stats())
  })

  test('closed, or not open yet, it is no healthy hub', async () => {
    const hub = hubWith()
    await hub.close()
    for (const [path, init] of [['/health'], ['/events?topic=a'], ['/topics/a', post()]] as [string, RequestInit?][]) {
      const answer = await ask(hub, path, init)
      expect(answer).toMatchObject({ status: 503, body: { code: 'SSE_CLOSED' } })
      expect(answer.headers.get('retry-after')).toBe('1')
    }
    let open = (): void => {}
    const { opened, ...engine } = memoryEngine()
    const slow = hubWith({ engine: { ...engine, open: () => new Promise((resolve) => (open = () => resolve(opened!))) } })
    expect((await ask(slow, '/health')).status).toBe(503)
    open()
    await slow.ready
    expect((await ask(slow, '/health')).status).toBe(200)
  })

  test.each([
    [503, 'SSE_ENGINE' as const, 'The store at 10.0.0.7 is full: not stored', 'nothing is stored'],
    [504, 'SSE_MAYBE_STORED' as const, 'No answer from 10.0.0.7: it may be stored', 'Repeat it with the same Idempotency-Key'],
  ])('a store that fails is %i %s, in words of its own', async (status, code, message, words) => {
    const onError = vi.fn<(error: unknown) => void>()
    const engine = { ...memoryEngine(), append: () => Promise.reject(new SseError(code, message)) }
    const answer = await ask(hubWith({ engine, onError }), '/topics/a', post())
    expect(answer).toMatchObject({ status, body: { code } })
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(answer.body.message).toContain(words)
    expect(answer.body.message).not.toContain('10.0.0.7')
    expect(onError).toHaveBeenCalledOnce()
  })

  test.each([
    [{ authorize: true }, '`authorize` must be a function'],
    [{ allowHosts: 'localhost' }, '`allowHosts` must be a list'],
    [{ allowHosts: ['http://localhost'] }, '`allowHosts` must be host names'],
    [{ cors: { origin: '*', credentials: true } }, '`cors.origin` must be'],
  ])('a wrong option is told when the hub is made: %j', (options, words) => {
    expect(() => createHub(options as never)).toThrow(words)
  })
})

function formOf(): FormData {
  const form = new FormData()
  form.set('a', 'b')
  return form
}

/** A body that fails whoever asks for it. */
function unread(): ReadableStream {
  return new ReadableStream({ pull: () => Promise.reject(new Error('it was read')) }, { highWaterMark: 0 })
}
