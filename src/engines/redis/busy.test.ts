import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openEngine } from '../../../test/engines/redis-engines.js'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../../../test/helpers/redis.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(removeRedis)

/** Nothing is done meanwhile, but refused. */
async function whileBusy(work: () => Promise<unknown>): Promise<void> {
  const [busy, other] = [new Redis({ port: server.port }), new Redis({ port: server.port })]
  onTestFinished(() => [busy, other].forEach((client) => client.disconnect()))
  await other.config('SET', 'busy-reply-threshold', 20)
  const endless = busy.eval('while true do end', 0)
  endless.catch(() => {})
  await expect.poll(() => other.ping().catch(String)).toContain('BUSY')
  await work()
  await other.script('KILL')
  await expect(endless).rejects.toThrow('killed')
}

describeWithRedis('a Redis that is busy with a script of somebody else', () => {
  test('has stored nothing of what it refuses, and does it again afterwards', async () => {
    const { put, read } = await openEngine(server.port)
    await whileBusy(() =>
      expect(put('a', 'x')).rejects.toMatchObject({ code: 'SSE_ENGINE', message: expect.stringContaining('busy') as string }),
    )
    expect(await put('a', 'y')).toBe(1)
    expect((await read('a')).items).toMatchObject([{ fields: { data: 'y' } }])
  })

  // Nobody takes anything on that node for an hour, say: the others must not go on counting what was given back.
  test('learns later what a node has given back meanwhile', async () => {
    const one = await openEngine(server.port)
    const two = await openEngine(server.port, { name: one.name })
    const counts = [{ key: 'k', limit: 1 }]
    expect(await one.engine.nodes?.take(counts)).toBe(-1)
    expect(await two.engine.nodes?.take(counts)).toBe(0)
    await whileBusy(async () => {
      one.engine.nodes?.give(['k'])
      // By the time this is answered that is, too.
      await expect(one.engine.nodes?.pass('p', 1)).rejects.toMatchObject({ code: 'SSE_ENGINE' })
    })
    await expect.poll(() => two.engine.nodes?.take(counts), { timeout: 10_000 }).toBe(-1)
  })
})
