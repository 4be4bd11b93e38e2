import { afterAll, beforeAll, expect, test } from 'vitest'
import { openEngine } from '../../../test/engines/redis-engines.js'
import { createFaultProxy } from '../../../test/helpers/fault-proxy.js'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../../../test/helpers/redis.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(removeRedis)

describeWithRedis('appends that wait for Redis', () => {
  test('are bounded: beyond that they are refused at once as not stored, and those before stay', async () => {
    const proxy = await createFaultProxy(server)
    const store = await openEngine(proxy.port, { timeout: 60_000 })
    proxy.cut()
    await expect.poll(() => store.engine.isAway).toBe(true)
    const data = 'x'.repeat(2 ** 20)
    const puts = Array.from({ length: 200 }, () => store.put('a', data, { history: { size: 1 } }))
    for (const put of puts) put.catch(() => {})
    const first = puts.slice(0, 100)
    const last = await Promise.allSettled(puts.slice(-50))
    expect(last).toEqual(
      last.map(() => ({
        status: 'rejected',
        reason: expect.objectContaining({ code: 'SSE_ENGINE', message: expect.stringContaining('not stored') as string }) as unknown,
      })),
    )
    proxy.heal()
    expect(await Promise.all(first)).toEqual(first.map((_, at) => at + 1))
    await Promise.allSettled(puts)
    // There is room again.
    expect(await store.put('a', data)).toBeGreaterThan(100)
  }, 60_000)
})
