import { afterAll, beforeAll, expect, test } from 'vitest'
import { openEngine } from '../../../test/engines/redis-engines.js'
import { createFaultProxy } from '../../../test/helpers/fault-proxy.js'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../../../test/helpers/redis.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(removeRedis)

const MANY = 5000
const all = Array.from({ length: MANY }, (_, at) => `${at}`)

// As when all customers of a firm are signed out: whoever isn't told goes on reading.
describeWithRedis('very many messages to the nodes at once', () => {
  test('all reach a node that is there, and one that was cut off meanwhile, in their order', async () => {
    const teller = await openEngine(server.port)
    const proxy = await createFaultProxy(server)
    const [near, far] = [await openEngine(server.port, { name: teller.name }), await openEngine(proxy.port, { name: teller.name })]
    const heard: [string[], string[]] = [[], []]
    near.engine.nodes?.hear((message) => void heard[0].push(message))
    far.engine.nodes?.hear((message) => void heard[1].push(message))
    proxy.cut()
    await expect.poll(() => far.engine.isAway).toBe(true)
    await Promise.all(all.map(async (message) => teller.engine.nodes?.tell(message)))
    proxy.heal()
    await expect.poll(() => [heard[0].at(-1), heard[1].at(-1)], { timeout: 30_000 }).toEqual([all.at(-1), all.at(-1)])
    expect(heard).toEqual([all, all])
  }, 90_000)

  test('are forgotten when nobody can have missed them any more', async () => {
    const { engine, name } = await openEngine(server.port)
    await engine.nodes?.tell('x')
    const left = Number(await server.send('PTTL', `{${name}}:control`))
    expect(left).toBeGreaterThan(600_000)
    expect(left).toBeLessThan(1_200_000)
    await server.send('DEL', `{${name}}:control`)
    const heard: string[] = []
    engine.nodes?.hear((message) => void heard.push(message))
    await engine.nodes?.tell('y')
    await expect.poll(() => heard).toContain('y')
  })
})
