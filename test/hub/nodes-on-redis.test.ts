import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { SseItem } from '../../src/index.js'
import { createHub, type Hub, type HubOptions } from '../../src/hub/index.js'
import { redisEngine } from '../../src/engines/redis/index.js'
import { nodeHandler } from '../../src/node.js'
import { clientOf, newHub } from '../engines/redis-engines.js'
import { collect } from '../helpers/collect.js'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../helpers/redis.js'
import { serve, when } from '../helpers/servers.js'

// The rules in all their cases: nodes.test.ts. Here that they hold over a real store, between two hubs that know nothing else of each other.

let redis: RedisServer
beforeAll(async () => void (redis = await startRedis()))
afterAll(removeRedis)

interface Node {
  readonly hub: Hub
  readonly url: string
}

async function nodes(options: Pick<HubOptions<unknown, SseItem<string>>, 'limits'>): Promise<readonly [Node, Node]> {
  const name = newHub()
  const start = async (): Promise<Node> => {
    const hub = createHub({
      authorize: (request) => ({ principal: new URL(request.url).searchParams.get('me') ?? 'ann', read: 'a', write: 'a' }),
      ...options,
      engine: redisEngine({ client: clientOf(redis.port), name }),
    })
    onTestFinished(() => hub.close())
    await hub.ready
    const { url } = await serve((req, res) => void nodeHandler(hub)(req, res))
    return { hub, url }
  }
  return Promise.all([start(), start()])
}

/** A stream: its status, and how to leave it. */
async function open(node: Node, me = 'ann'): Promise<{ readonly status: number; leave(): void; readonly over: Promise<unknown> }> {
  const left = new AbortController()
  onTestFinished(() => left.abort())
  const response = await fetch(`${node.url}/events?topic=a&me=${me}`, { signal: left.signal })
  return { status: response.status, leave: () => left.abort(), over: response.text().catch(() => 'cut') }
}

describeWithRedis('two nodes on one Redis', () => {
  test('share the limit of streams of one principal, and a place that is given back', async () => {
    const [a, b] = await nodes({ limits: { connectionsPerPrincipal: 2 } })
    const first = await open(a)
    expect([first.status, (await open(b)).status]).toEqual([200, 200])
    expect([(await open(a)).status, (await open(b)).status, (await open(b, 'ben')).status]).toEqual([429, 429, 200])
    first.leave()
    let status = 429
    while (status === 429) status = (await open(b)).status
    expect(status).toBe(200)
  })

  test('share the limit of publishes per second', async () => {
    const pair = await nodes({ limits: { publishesPerSecond: 10 } })
    const second = async (): Promise<number> => Number(((await redis.send('TIME')) as string[])[0])
    const begun = await second()
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, at) => (await fetch(`${pair[at % 2]?.url}/topics/a`, { method: 'POST', body: 'x' })).status),
    )
    const stored = answers.filter((status) => status === 201).length
    expect(stored + answers.filter((status) => status === 429).length).toBe(60)
    expect(stored).toBeGreaterThanOrEqual(10)
    // They may have come in two seconds of the store's clock, or in more on a machine that is very busy.
    expect(stored).toBeLessThanOrEqual(10 * ((await second()) - begun + 1))
  })

  test('revoke a principal on both', async () => {
    const [a, b] = await nodes({})
    const [ann, ben] = [await open(b), await open(b, 'ben')]
    a.hub.revoke('ann')
    await ann.over
    await a.hub.publish('a', 'after')
    expect(await collect(fetch(`${b.url}/events?topic=a&me=ben&from=earliest`), 1)).toMatchObject([{ data: 'after' }])
    expect(ben.status).toBe(200)
  })

  test('count together what each of them does', async () => {
    const [a, b] = await nodes({})
    await Promise.all([open(a), open(b), open(b)])
    await a.hub.publish('a', '1')
    await b.hub.publish('a', '2')
    for (const { hub } of [a, b]) {
      await when(() => hub.stats().delivered === 6 && hub.stats().published === 2)
      expect(hub.stats()).toMatchObject({ nodes: 2, connections: 3, published: 2, delivered: 6, gaps: 0 })
    }
  })
})
