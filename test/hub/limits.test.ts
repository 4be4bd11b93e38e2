import { once } from 'node:events'
import { request } from 'node:http'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createHub, pattern, type Hub, type HubOptions } from '../../src/hub/index.js'
import type { SseItem } from '../../src/index.js'
import { nodeHandler } from '../../src/node.js'
import { raw, serve, serve2, session2, sleep, when, type RawClient } from '../helpers/servers.js'

type Options = HubOptions<unknown, SseItem<string>>

interface Served {
  readonly hub: Hub
  readonly port: number
  readonly url: string
}

const byToken = ({ headers }: Request): string | undefined => headers.get('authorization')?.replace('Bearer ', '')

async function served(options: Options): Promise<Served> {
  const hub = createHub({
    authorize: (request) => ({ principal: byToken(request), read: pattern('**'), write: pattern('**') }),
    ...options,
  })
  onTestFinished(() => hub.close())
  return { hub, ...(await serve((req, res) => void nodeHandler(hub)(req, res))) }
}

type Headers = Readonly<Record<string, string>>

async function follow(port: number, headers: Headers = {}, method = 'GET'): Promise<RawClient> {
  const client = await raw(port)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  client.send(`${method} /events?topic=a HTTP/1.1\r\nHost: hub.test\r\n${lines.join('')}\r\n`)
  await client.until(/^HTTP\/1\.1 \d+[^]*\r\n\r\n/)
  return client
}

const statusOf = ({ text }: RawClient): number => Number(/ (\d+)/.exec(text())?.[1])
const ann = { authorization: 'Bearer ann' }
const bob = { authorization: 'Bearer bob' }

describe('connections', () => {
  test.each<[string, Options, Headers, Headers, number, string]>([
    ['in all', { limits: { connections: 2 } }, ann, bob, 503, 'connections'],
    ['per principal', { limits: { connectionsPerPrincipal: 2 } }, ann, ann, 429, 'connectionsPerPrincipal'],
    ['per address', { limits: { connectionsPerAddress: 2 } }, ann, bob, 429, 'connectionsPerAddress'],
    [
      'per address that a trusted proxy names',
      { limits: { connectionsPerAddress: 2 }, trustProxy: true },
      { 'x-forwarded-for': '198.51.100.1, 203.0.113.7' },
      { 'x-forwarded-for': '198.51.100.2, 203.0.113.7' },
      429,
      'connectionsPerAddress',
    ],
  ])(
    '%s: what is beyond is refused and told when to come back; who is there stays; who leaves makes room',
    async (_, options, one, two, status, name) => {
      const { hub, port } = await served(options)
      const first = await follow(port, one)
      const second = await follow(port, two)
      expect([statusOf(first), statusOf(second)]).toEqual([200, 200])
      const third = await follow(port, two)
      await third.until('}')
      expect(statusOf(third)).toBe(status)
      expect(third.text()).toMatch(/\r\nretry-after: 5\r\n/i)
      expect(third.text()).toContain(`{"code":"TOO_MANY_CONNECTIONS","message":"\`limits.${name}\` (2) are open`)
      await hub.publish('a', 'still there')
      await first.until('still there')
      await second.until('still there')
      first.socket.destroy()
      await when(() => hub.stats().connections === 1)
      const fourth = await follow(port, two)
      expect(statusOf(fourth)).toBe(200)
    },
  )

  test.each<[string, Options, Headers]>([
    ['another principal', { limits: { connectionsPerPrincipal: 1 } }, bob],
    ['nobody in particular, of a limit per principal', { limits: { connectionsPerPrincipal: 1 } }, {}],
    ['another address', { limits: { connectionsPerAddress: 1 }, trustProxy: true }, { 'x-forwarded-for': '203.0.113.8' }],
  ])('%s is not counted with it', async (_, options, headers) => {
    const { port } = await served(options)
    await follow(port, { ...ann, 'x-forwarded-for': '203.0.113.7' })
    expect(statusOf(await follow(port, headers))).toBe(200)
  })

  test('X-Forwarded-For means nothing without trustProxy', async () => {
    const { port } = await served({ limits: { connectionsPerAddress: 1 } })
    await follow(port, { 'x-forwarded-for': '203.0.113.7' })
    expect(statusOf(await follow(port, { 'x-forwarded-for': '203.0.113.8' }))).toBe(429)
  })

  test('over HTTP/2 the address is that of the session', async () => {
    const hub = createHub({ limits: { connectionsPerAddress: 1 }, authorize: () => ({ read: 'a' }) })
    onTestFinished(() => hub.close())
    const { url } = await serve2((req, res) => void nodeHandler(hub)(req, res))
    const status = async (): Promise<unknown> => {
      const stream = (await session2(url)).request({ ':path': '/events?topic=a' })
      stream.resume()
      const [headers] = (await once(stream, 'response')) as [Readonly<Record<string, unknown>>]
      return headers[':status']
    }
    expect([await status(), await status()]).toEqual([200, 429])
  })

  test('where no address is known, none is counted', async () => {
    const { hub } = await served({ limits: { connectionsPerAddress: 1 } })
    const answers = await Promise.all([1, 2].map(() => hub.fetch(new Request('http://hub.test/events?topic=a'))))
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    await Promise.all(answers.map(async ({ body }) => body?.cancel()))
  })

  test('a limit holds, however many come at once', async () => {
    const { hub } = await served({ limits: { connections: 10 } })
    const answers = await Promise.all(Array.from({ length: 200 }, () => hub.fetch(new Request('http://hub.test/events?topic=a'))))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10)
    expect(answers.filter(({ status }) => status === 503)).toHaveLength(190)
    await Promise.all(answers.map(async ({ body }) => body?.cancel()))
  })

  test('none is left counted, however it goes', async () => {
    const { hub, port, url } = await served({
      limits: { connections: 1, connectionsPerPrincipal: 1, connectionsPerAddress: 1 },
      async authorize(request) {
        await sleep(5)
        return { principal: 'ann', read: pattern('**'), expiresAt: request.headers.has('x-short') ? new Date(Date.now() + 30) : undefined }
      },
    })
    const ways: (() => Promise<unknown>)[] = [
      async () => follow(port, {}, 'HEAD'),
      async () => follow(port, { accept: 'text/html' }),
      async () => (await follow(port, { 'x-short': '1' })).closed(),
      async () => (await follow(port)).socket.destroy(),
      // Gone while it is asked who it is.
      async () => {
        const req = request(`${url}/events?topic=a`).on('error', () => {})
        req.end()
        await sleep(3)
        req.destroy()
      },
      async () => {
        const client = await follow(port)
        hub.revoke('ann')
        await client.closed()
      },
      async () => (await fetch(`${url}/events?topic=a b`)).text(),
      // Without a connection that could tell.
      async () => (await hub.fetch(new Request('http://hub.test/events?topic=a'))).body?.cancel(),
    ]
    for (const way of ways) {
      await way()
      let client = await follow(port)
      for (let n = 0; n < 1000 && statusOf(client) !== 200; n++) {
        await sleep(20)
        client = await follow(port)
      }
      expect([String(way), statusOf(client)]).toEqual([String(way), 200])
      client.socket.destroy()
      await when(() => hub.stats().connections === 0)
    }
  })
})

test('an answer that somebody else has begun leaves nothing counted', async () => {
  const log = vi.spyOn(console, 'error').mockImplementation(() => {})
  onTestFinished(() => log.mockRestore())
  const hub = createHub({ limits: { connections: 1 }, authorize: () => ({ read: 'a' }) })
  onTestFinished(() => hub.close())
  const { port } = await serve((req, res) => {
    if (req.headers['x-early']) res.flushHeaders()
    void nodeHandler(hub)(req, res)
  })
  const early = await follow(port, { 'x-early': '1' })
  await early.closed()
  expect(log).toHaveBeenCalledOnce()
  const client = await follow(port)
  expect(statusOf(client)).toBe(200)
})

describe('publishesPerSecond', () => {
  // Its seconds are those of the test.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => void vi.useRealTimers())

  const publish = (url: string, headers: Headers = {}): Promise<Response> =>
    fetch(`${url}/topics/a`, { method: 'POST', body: 'x', headers })

  test('what is beyond is refused and told when to come back; others are not affected', async () => {
    const { hub, url } = await served({ limits: { publishesPerSecond: 3 } })
    const answers = await Promise.all(Array.from({ length: 6 }, () => publish(url, ann)))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 201, 201, 429, 429, 429])
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.headers.get('retry-after')).toBe('1')
    expect(await refused?.json()).toMatchObject({ code: 'TOO_MANY_PUBLISHES', message: expect.stringContaining('(3)') })
    expect((await publish(url, bob)).status).toBe(201)
    expect(hub.stats().published).toBe(4)
    vi.advanceTimersByTime(400)
    expect((await publish(url, ann)).status).toBe(201)
    expect((await publish(url, ann)).status).toBe(429)
    // The process itself has no limit.
    for (let n = 0; n < 20; n++) await hub.publish('a', 'x')
  })

  test('who has no name is counted by address, and where there is none all are counted together', async () => {
    const { hub, url } = await served({ limits: { publishesPerSecond: 1 }, trustProxy: true })
    const from = (address: string): Promise<Response> => publish(url, { 'x-forwarded-for': address })
    expect([(await from('203.0.113.7')).status, (await from('203.0.113.7')).status, (await from('203.0.113.8')).status]).toEqual([
      201, 429, 201,
    ])
    const direct = (): Promise<Response> => hub.fetch(new Request('http://hub.test/topics/a', { method: 'POST', body: 'x' }))
    expect([(await direct()).status, (await direct()).status]).toEqual([201, 429])
  })

  test('a name cannot be that of an address', async () => {
    const { url } = await served({ limits: { publishesPerSecond: 1 } })
    expect((await publish(url)).status).toBe(201)
    expect((await publish(url, { authorization: 'Bearer 127.0.0.1' })).status).toBe(201)
  })

  test('a body is not read before', async () => {
    const { port, url } = await served({ limits: { publishesPerSecond: 1 } })
    await publish(url)
    const client = await raw(port)
    client.send('POST /topics/a HTTP/1.1\r\nHost: hub.test\r\nContent-Length: 1000000\r\n\r\n')
    await client.until('TOO_MANY_PUBLISHES')
    expect(statusOf(client)).toBe(429)
  })
})

test.each([
  [{ limits: { connections: -1 } }, '`connections` must be a number >= 0'],
  [{ limits: { publishesPerSecond: '5' } }, '`publishesPerSecond` must be a number >= 0'],
  [{ trustProxy: 'yes' }, '`trustProxy` must be true or false'],
])('a wrong option is told when the hub is made: %j', (options, words) => {
  expect(() => createHub(options as never)).toThrow(words)
})
