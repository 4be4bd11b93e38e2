import { createServer, type AddressInfo } from 'node:net'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { CLIENTS, clientOf, listen, newHub, openEngine } from '../../../test/engines/redis-engines.js'
import { createFaultProxy } from '../../../test/helpers/fault-proxy.js'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../../../test/helpers/redis.js'
import type { Engine } from '../engine.js'
import { redisEngine } from './index.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(removeRedis)

const sleep = (time: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, time))

/** What a promise is rejected with. */
function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  )
}

/** How often the event loop came round while this was under way: nothing else may stand still. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0
  const timer = setInterval(() => turns++, 10)
  await work
  clearInterval(timer)
  return turns
}

/** Takes connections and says nothing. */
async function mute(): Promise<{ readonly port: number; readonly open: Set<unknown>; readonly accepted: () => number }> {
  const open = new Set<unknown>()
  let accepted = 0
  const listening = createServer((socket) => {
    accepted++
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
    socket.resume()
  })
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void listening.close())
  return { port: (listening.address() as AddressInfo).port, open, accepted: () => accepted }
}

describeWithRedis('connecting to Redis', () => {
  describe.each(CLIENTS)('with %s', (client) => {
    // As behind a load balancer, or a cable that is pulled out just then: the connection is made, and the handshake never answered.
    test('a new connection on which nothing is answered is given up, and the next one is of use', async () => {
      const proxy = await createFaultProxy(server)
      const store = await openEngine(proxy.port, { client })
      const heard = listen(store)
      await store.put('a', '1')
      // Those that there are, and the first that is made instead of each.
      const last = proxy.accepted + 2
      proxy.halfOpen({ only: ({ number }) => number <= last })
      await expect.poll(() => store.engine.isAway, { timeout: 10_000 }).toBe(true)
      await expect.poll(() => store.engine.isAway, { timeout: 25_000 }).toBe(false)
      await store.put('a', '2')
      await expect.poll(() => heard.through, { timeout: 25_000 }).toBe(2)
    }, 90_000)

    test('close() while it opens ends everything at once, and the opening', async () => {
      const { port, open } = await mute()
      const engine = redisEngine({ client: clientOf(port, client), name: newHub() })
      const opening = errorOf(engine.open())
      await expect.poll(() => open.size).toBe(1)
      const begun = performance.now()
      await engine.close()
      expect(await opening).toMatchObject({ code: 'SSE_CLOSED' })
      expect(performance.now() - begun).toBeLessThan(2500)
      await expect.poll(() => open.size).toBe(0)
    })

    test('a connection that was on its way when it was closed is not there later', async () => {
      for (let turns = 0; turns < 6; turns++) {
        const { port, open } = await mute()
        const engine = redisEngine({ client: clientOf(port, client), name: newHub() })
        const opening = errorOf(engine.open())
        for (let at = 0; at < turns; at++) await new Promise((resolve) => setImmediate(resolve))
        await engine.close()
        await opening
        await sleep(50)
        await expect.poll(() => open.size).toBe(0)
      }
    })

    test('an opening that has failed leaves no connection, and what is asked afterwards fails without holding up the process', async () => {
      const { port, open } = await mute()
      const engine: Engine = redisEngine({ client: clientOf(port, client), name: newHub(), timeout: 500 })
      onTestFinished(() => engine.close())
      expect(await errorOf(engine.open())).toMatchObject({ code: 'SSE_ENGINE' })
      await expect.poll(() => open.size).toBe(0)
      const asked = Promise.all([engine.read(['a'], 0, { limit: 1, bytes: 1 }), engine.open()].map(errorOf))
      const turns = await turnsDuring(Promise.all([asked, sleep(500)]))
      expect(await asked).toMatchObject([{ code: 'SSE_ENGINE' }, { code: 'SSE_ENGINE' }])
      // Of fifty.
      expect(turns).toBeGreaterThan(3)
    })

    test('a timeout of any length is that long', async () => {
      const warnings: unknown[] = []
      const note = (warning: unknown): void => void warnings.push(warning)
      process.on('warning', note)
      onTestFinished(() => void process.off('warning', note))
      const proxy = await createFaultProxy(server)
      const store = await openEngine(proxy.port, { client, timeout: Infinity })
      proxy.cut()
      await expect.poll(() => store.engine.isAway).toBe(true)
      const both = Promise.all([store.put('a', 'x'), store.read('a')])
      await sleep(300)
      proxy.heal()
      expect(await both).toMatchObject([1, { epoch: store.epoch }])
      await store.engine.close()
      expect(warnings).toEqual([])
    })
  })

  test('without any sentinel it says so, and close() ends the search', async () => {
    const sentinel = await mute()
    const client = new Redis({
      sentinels: [{ host: '127.0.0.1', port: 1 }, sentinel],
      name: 'main',
      lazyConnect: true,
      sentinelCommandTimeout: 20,
    })
    const engine = redisEngine({ client, name: newHub() })
    expect(await errorOf(engine.open())).toMatchObject({
      code: 'SSE_ENGINE',
      message: expect.stringContaining('All sentinels are unreachable') as string,
    })
    await engine.close()
    expect(sentinel.accepted()).toBeGreaterThan(0)
    // One may have been on its way.
    await sleep(200)
    const before = sentinel.accepted()
    await sleep(1000)
    expect(sentinel.accepted()).toBe(before)
  })
})
