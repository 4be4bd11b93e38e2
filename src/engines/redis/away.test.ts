import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLIENTS, clientOf, listen, newHub, openEngine } from '../../../test/engines/redis-engines.js'
import { createFaultProxy } from '../../../test/helpers/fault-proxy.js'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../../../test/helpers/redis.js'
import { redisEngine } from './index.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(removeRedis)

const sleep = (time: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, time))

describeWithRedis('an engine whose Redis is away', () => {
  describe.each(CLIENTS)('with %s', (client) => {
    test('what was never sent is not stored, and fails in its time', async () => {
      const proxy = await createFaultProxy(server)
      const store = await openEngine(proxy.port, { client, timeout: 500 })
      proxy.cut()
      await expect.poll(() => store.engine.isAway).toBe(true)
      const begun = performance.now()
      const puts = await Promise.allSettled([store.put('a', '1'), store.put('a', '2'), store.read('a')])
      expect(puts.map((put) => (put as PromiseRejectedResult).reason as unknown)).toMatchObject([
        { code: 'SSE_ENGINE', message: expect.stringContaining('not stored') as string },
        { code: 'SSE_ENGINE', message: expect.stringContaining('not stored') as string },
        { code: 'SSE_ENGINE', message: expect.stringContaining('Redis is away') as string },
      ])
      expect(performance.now() - begun).toBeGreaterThan(400)
      proxy.heal()
      await expect.poll(() => store.engine.isAway).toBe(false)
      expect(await store.put('a', '3')).toBe(1)
    })

    test('what waits when it comes back is stored, in its order, once', async () => {
      const proxy = await createFaultProxy(server)
      const store = await openEngine(proxy.port, { client })
      const heard = listen(store)
      proxy.cut()
      await expect.poll(() => store.engine.isAway).toBe(true)
      const puts = Promise.all(Array.from({ length: 300 }, (_, at) => store.put('a', `${at}`)))
      proxy.heal()
      expect(await puts).toEqual(Array.from({ length: 300 }, (_, at) => at + 1))
      await expect.poll(() => heard.through).toBe(300)
    })

    test('what was sent and not answered may be stored; with its key it is stored once', async () => {
      const proxy = await createFaultProxy(server)
      const store = await openEngine(proxy.port, { client })
      await store.put('a', 'first')
      proxy.swallow()
      const lost = store.put('a', 'x', { idempotencyKey: 'k' })
      lost.catch(() => {})
      // It is stored: an answer that was swallowed may be another one's.
      await expect.poll(() => server.send('HGET', `{${store.name}}:meta`, 'seq')).toBe('2')
      // Together, so that no answer passes, and no new connection loses one.
      proxy.heal()
      proxy.reset()
      await expect(lost).rejects.toMatchObject({ code: 'SSE_MAYBE_STORED', message: expect.stringContaining('idempotencyKey') as string })
      expect(await store.put('a', 'x', { idempotencyKey: 'k' })).toBe(2)
      expect(await store.put('a', 'y')).toBe(3)
      expect((await store.read('a')).items.map(({ fields }) => fields.data)).toEqual(['first', 'x', 'y'])
    })

    test('a connection on which nothing comes any more is found within seconds, and made anew', async () => {
      const proxy = await createFaultProxy(server)
      const store = await openEngine(proxy.port, { client })
      const heard = listen(store)
      await store.put('a', 'first')
      proxy.halfOpen()
      const lost = store.put('a', 'x', { idempotencyKey: 'k' })
      lost.catch(() => {})
      const read = store.read('a')
      read.catch(() => {})
      await expect.poll(() => store.engine.isAway).toBe(true)
      await expect(lost).rejects.toMatchObject({ code: 'SSE_MAYBE_STORED' })
      proxy.heal()
      await expect.poll(() => store.engine.isAway).toBe(false)
      expect(await store.put('a', 'x', { idempotencyKey: 'k' })).toBe(2)
      await expect.poll(() => heard.through).toBe(2)
    })

    test('what a reader asks when the connection is lost is asked again', async () => {
      const proxy = await createFaultProxy(server)
      const store = await openEngine(proxy.port, { client })
      await store.put('a', 'first')
      proxy.swallow()
      const read = store.read('a')
      await expect.poll(() => proxy.swallowed).toBeGreaterThan(0)
      proxy.heal()
      proxy.reset()
      expect((await read).items).toHaveLength(1)
    })

    test('connections that are silent because nothing happens stay', async () => {
      const proxy = await createFaultProxy(server)
      await openEngine(proxy.port, { client })
      const { accepted } = proxy
      await sleep(5500)
      expect(proxy.accepted).toBe(accepted)
      expect(proxy.connections).toHaveLength(2)
    })

    test('close() gives up what can not be sent, at once', async () => {
      const proxy = await createFaultProxy(server)
      const store = await openEngine(proxy.port, { client })
      proxy.cut()
      await expect.poll(() => store.engine.isAway).toBe(true)
      const put = store.put('a', 'x')
      put.catch(() => {})
      const begun = performance.now()
      await store.engine.close()
      await expect(put).rejects.toMatchObject({ code: 'SSE_ENGINE' })
      // The engine's own time is 60 s.
      expect(performance.now() - begun).toBeLessThan(20_000)
      // Who still tried to connect would by then, and stay. One that was on its way goes again.
      proxy.heal()
      await sleep(2500)
      await expect.poll(() => proxy.connections).toEqual([])
    })
  })

  test('a master that becomes a replica: nothing is stored on it, what waits goes to the next master', async () => {
    const [one, two] = [await startRedis(), await startRedis()]
    const proxy = await createFaultProxy(one)
    const store = await openEngine(proxy.port)
    await store.put('a', '1')
    await two.send('REPLICAOF', '127.0.0.1', one.port)
    await expect.poll(async () => String(await two.send('INFO', 'replication'))).toContain('master_link_status:up')
    await one.send('REPLICAOF', '127.0.0.1', two.port)
    const puts = Promise.all(['2', '3', '4'].map((data) => store.put('a', data)))
    // Once it has answered: without an answer they might be stored.
    await expect.poll(() => store.engine.isAway).toBe(true)
    await two.send('REPLICAOF', 'NO', 'ONE')
    proxy.aim(two)
    proxy.reset()
    const [first = 0, ...rest] = await puts
    expect(rest).toEqual([first + 1, first + 2])
    expect((await store.read('a', 1)).trimmed).toBe(0)
    expect((await store.read('a', first - 1)).items.map(({ fields }) => fields.data)).toEqual(['2', '3', '4'])
  })

  describe('at the start', () => {
    const open = async (port: number, client: (typeof CLIENTS)[number]): Promise<unknown> => {
      const engine = redisEngine({ client: clientOf(port, client), name: newHub(), timeout: 0 })
      const error = await engine.open().then(
        () => undefined,
        (reason: unknown) => reason,
      )
      await engine.close()
      return error
    }

    test.each(CLIENTS)('a server that comes late is waited for, as long as `timeout` says (%s)', async (client) => {
      const proxy = await createFaultProxy(server)
      proxy.cut()
      const opening = openEngine(proxy.port, { client })
      // Longer than it is tried without any.
      await sleep(4000)
      proxy.heal()
      expect(await opening).toMatchObject({ head: 0 })
    })

    test.each(CLIENTS)('one that takes its time over all answers is waited for (%s)', async (client) => {
      const proxy = await createFaultProxy(server)
      proxy.latency(550)
      expect(await openEngine(proxy.port, { client, timeout: 0 })).toMatchObject({ head: 0 })
    })

    test.each(CLIENTS)('it says that nobody is there (%s)', async (client) => {
      expect(await open(1, client)).toMatchObject({ code: 'SSE_ENGINE', message: expect.stringMatching(/ECONNREFUSED.*:1\b/) as string })
    })

    test.each(CLIENTS)('it says that a password is missing (%s)', async (client) => {
      const closed = await startRedis()
      await closed.send('CONFIG', 'SET', 'requirepass', 'secret')
      expect(await open(closed.port, client)).toMatchObject({
        code: 'SSE_ENGINE',
        message: expect.stringContaining('It wants a password') as string,
      })
    })

    test.each(CLIENTS)('it says that this is a replica (%s)', async (client) => {
      const replica = await startRedis({ replicaOf: server })
      expect(await open(replica.port, client)).toMatchObject({
        code: 'SSE_ENGINE',
        message: expect.stringContaining('the client must lead to the master') as string,
      })
    })
  })
})
