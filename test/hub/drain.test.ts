import { connect } from 'server-sent/client'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createHub, pattern, type Grant, type Hub, type HubOptions } from '../../src/hub/index.js'
import type { SseItem } from '../../src/index.js'
import { nodeHandler } from '../../src/node.js'
import { raw, serve, sleep, when, type RawClient } from '../helpers/servers.js'

type Options = HubOptions<unknown, SseItem<string>>

interface Served {
  readonly hub: Hub
  readonly port: number
  readonly url: string
}

async function served(options: Options = {}): Promise<Served> {
  const hub = createHub({ authorize: () => ({ read: pattern('**'), write: pattern('**') }), ...options })
  onTestFinished(() => hub.close())
  return { hub, ...(await serve((req, res) => void nodeHandler(hub)(req, res))) }
}

async function follow(port: number): Promise<RawClient> {
  const client = await raw(port)
  client.send('GET /events?topic=a HTTP/1.1\r\nHost: hub.test\r\n\r\n')
  await client.until('id: ')
  return client
}

describe('drain', () => {
  test('ends the streams spread over the time, and tells each when to come back: not all the same', async () => {
    const { hub, port } = await served()
    const clients = await Promise.all(Array.from({ length: 50 }, () => follow(port)))
    const within = 1000
    const ends: number[] = []
    const begun = performance.now()
    for (const { socket } of clients) socket.on('close', () => ends.push(performance.now() - begun))
    await hub.drain({ within })
    await when(() => ends.length === 50)
    // On a busy machine the ends may be seen late; none comes before its time.
    ends.sort((a, b) => a - b).forEach((end, index) => expect(end).toBeGreaterThanOrEqual((index / 50) * within))
    const retries = clients.map(({ text }) => Number(/\nretry: (\d+)\n\n/.exec(text())?.[1]))
    expect(Math.min(...retries)).toBeGreaterThanOrEqual(500)
    expect(Math.max(...retries)).toBeLessThanOrEqual(2500)
    expect(new Set(retries).size).toBeGreaterThan(25)
    // The last thing on each, before the end of the body.
    for (const { text } of clients) expect(text()).toMatch(/retry: \d+\n\n\r\n0\r\n\r\n$/)
  })

  test('refuses new streams meanwhile, and says so to load balancers; publishing goes on, and is sent', async () => {
    const { hub, port, url } = await served()
    const clients = await Promise.all(Array.from({ length: 10 }, () => follow(port)))
    const drained = hub.drain({ within: 3_600_000 })
    for (const path of ['/events?topic=a', '/health']) {
      const answer = await fetch(url + path)
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
      expect(await answer.json()).toMatchObject({ code: 'SSE_CLOSED' })
    }
    expect((await fetch(`${url}/topics/a`, { method: 'POST', body: 'meanwhile' })).status).toBe(201)
    await clients.at(-1)?.until('meanwhile')
    expect((await fetch(`${url}/stats`)).status).toBe(200)
    await hub.close()
    await drained
    expect((await fetch(`${url}/topics/a`, { method: 'POST', body: 'x' })).status).toBe(503)
    await expect(hub.publish('a', 'x')).rejects.toMatchObject({ code: 'SSE_CLOSED' })
  })

  test('refuses who was let in just before', async () => {
    let letIn = (): void => {}
    const authorize = vi.fn<() => Promise<Grant>>(() => new Promise((resolve) => (letIn = () => resolve({ read: 'a' }))))
    const { hub, port } = await served({ authorize })
    const client = await raw(port)
    client.send('GET /events?topic=a HTTP/1.1\r\nHost: hub.test\r\n\r\n')
    await when(() => authorize.mock.calls.length === 1)
    const loop = hub.subscribe('a')[Symbol.asyncIterator]()
    const next = loop.next()
    const drained = hub.drain({ within: 0 })
    letIn()
    await client.until('503')
    await drained
    expect(await next).toMatchObject({ done: true })
  })

  test('a loop in the process ends last, with the close', async () => {
    const { hub, port } = await served()
    const clients = [await follow(port), await follow(port)]
    const seen: string[] = []
    const loop = (async () => {
      for await (const { data } of hub.subscribe('a')) seen.push(data)
    })()
    // In time of the test: the first goes now, the second when half of it is over.
    vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const drained = hub.drain({ within: 400 })
    vi.advanceTimersByTime(50)
    await clients[0]?.closed()
    await hub.publish('a', 'still')
    await when(() => seen.length > 0)
    vi.advanceTimersByTime(400)
    await drained
    await loop
    expect(seen).toEqual(['still'])
    expect(hub.stats().connections).toBe(0)
  })

  test('`beforeClose` finds the readers gone and the hub still there; what it throws closes the hub as well', async () => {
    const { hub, port } = await served()
    const client = await follow(port)
    const last = { connections: -1, id: null as string | null }
    await hub.drain({
      within: 0,
      async beforeClose() {
        await client.closed()
        last.connections = hub.stats().connections
        last.id = (await hub.publish('a', 'the last one')).id
      },
    })
    expect(last).toEqual({ connections: 0, id: expect.any(String) })
    await expect(hub.publish('a', 'x')).rejects.toMatchObject({ code: 'SSE_CLOSED' })

    const failing = createHub()
    const problem = new Error('mine')
    await expect(failing.drain({ within: 0, beforeClose: () => Promise.reject(problem) })).rejects.toBe(problem)
    await expect(failing.publish('a', 'x')).rejects.toMatchObject({ code: 'SSE_CLOSED' })
  })

  test('with nobody there it closes at once; called twice it is one; close() ends it at once', async () => {
    const nobody = createHub()
    const begun = performance.now()
    await nobody.drain({ within: 60_000 })
    const { hub, port } = await served()
    const clients = [await follow(port), await follow(port)]
    const first = hub.drain({ within: 60_000 })
    const second = hub.drain({ within: 1 })
    await hub.close()
    await Promise.all([first, second])
    for (const { closed } of clients) await closed()
    expect(performance.now() - begun).toBeLessThan(30_000)
    await expect(hub.drain({ within: 10 })).resolves.toBeUndefined()
  })

  test('a client that has stalled holds nothing up', async () => {
    const { hub, port } = await served({ topics: { a: { history: { bytes: 100e6 } } } })
    const client = await follow(port)
    client.socket.pause()
    for (let n = 0; n < 200; n++) await hub.publish('a', 'x'.repeat(100_000))
    const begun = performance.now()
    await hub.drain({ within: 100 })
    // Half of the time after which it would be given up anyway.
    expect(performance.now() - begun).toBeLessThan(15_000)
  })

  test.each([[-1], ['soon'], [undefined]])('%j is no time', async (within) => {
    const hub = createHub()
    onTestFinished(() => hub.close())
    expect(() => hub.drain({ within: within as number })).toThrow('`within` must be a number >= 0')
  })
})

describe('maxAge', () => {
  test('ends streams when they are that old, shortened by chance; connect() goes on by itself, and loses nothing', async () => {
    const { hub, url, port } = await served({ maxAge: 500 })
    const timers = vi.spyOn(globalThis, 'setTimeout')
    onTestFinished(() => timers.mockRestore())
    const stream = connect(`${url}/events?topic=a`, { reconnect: { min: 1, max: 20 } })
    onTestFinished(() => stream.close())
    const seen: string[] = []
    const loop = (async () => {
      for await (const { data } of stream) if (seen.push(data) === 100) break
    })()
    await when(() => stream.lastEventId !== '')
    const ages: number[] = []
    const clients = Array.from({ length: 40 }, async () => {
      const begun = performance.now()
      const client = await follow(port)
      await client.closed()
      ages.push(performance.now() - begun)
    })
    for (let n = 0; n < 100; n++) {
      await hub.publish('a', String(n))
      await sleep(10)
    }
    await Promise.all(clients)
    await loop
    expect(seen).toEqual(Array.from({ length: 100 }, (_, n) => String(n)))
    // On a busy machine an end may be seen late; none comes before its time. How far apart they are, their timers say.
    expect(Math.min(...ages)).toBeGreaterThan(399)
    const lives = timers.mock.calls.map(([, time = 0]) => time).filter((time) => time >= 400 && time <= 500)
    expect(lives.length).toBeGreaterThan(40)
    expect(Math.max(...lives) - Math.min(...lives)).toBeGreaterThan(40)
  })

  test('is not for loops, which would not come back', async () => {
    const { hub } = await served({ maxAge: 20 })
    const loop = hub.subscribe('a')[Symbol.asyncIterator]()
    const next = loop.next()
    await sleep(60)
    await hub.publish('a', 'x')
    expect(await next).toMatchObject({ done: false, value: { data: 'x' } })
    await loop.return?.()
  })

  test('0 is off', async () => {
    const { hub, port } = await served({ maxAge: 0 })
    await follow(port)
    await sleep(30)
    expect(hub.stats().connections).toBe(1)
  })
})
