import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLIENTS, openEngine, type ClientName } from '../../../test/engines/redis-engines.js'
import { createFaultProxy } from '../../../test/helpers/fault-proxy.js'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../../../test/helpers/redis.js'
import type { Nodes } from '../nodes.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(removeRedis)

interface Pair {
  readonly name: string
  readonly nodes: readonly [Nodes, Nodes]
  readonly engines: readonly { close(): Promise<void> }[]
}

async function pair(client: ClientName, port = server.port): Promise<Pair> {
  const one = await openEngine(server.port, { client })
  const two = await openEngine(port, { client, name: one.name })
  return { name: one.name, nodes: [one.engine.nodes as Nodes, two.engine.nodes as Nodes], engines: [one.engine, two.engine] }
}

const limit = (key: string, most: number) => ({ key, limit: most })

describeWithRedis('the nodes of a hub in Redis', () => {
  describe.each(CLIENTS)('with %s', (client) => {
    test('hear what is told, all in one order, the one that told it too', async () => {
      const { nodes } = await pair(client)
      await nodes[0].tell('before anybody hears, but after it was opened')
      const heard: string[][] = [[], []]
      nodes.forEach((node, at) => node.hear((message) => void heard[at]?.push(message)))
      await Promise.all(Array.from({ length: 300 }, (_, at) => (nodes[at % 2] as Nodes).tell(`${at} é\n`)))
      await expect.poll(() => heard.map(({ length }) => length)).toEqual([301, 301])
      expect(heard[0]).toEqual(heard[1])
      expect(heard[0]?.[0]).toBe('before anybody hears, but after it was opened')
      expect(new Set(heard[0]).size).toBe(301)
    })

    test('one that was cut off hears the rest when it is back, and nothing twice', async () => {
      const proxy = await createFaultProxy(server)
      const { nodes } = await pair(client, proxy.port)
      const heard: string[] = []
      nodes[1].hear((message) => void heard.push(message))
      await nodes[0].tell('1')
      await expect.poll(() => heard).toEqual(['1'])
      proxy.cut()
      await nodes[0].tell('2')
      await expect(nodes[1].tell('lost')).rejects.toMatchObject({ code: 'SSE_ENGINE' })
      await nodes[0].tell('3')
      proxy.heal()
      await expect.poll(() => heard).toEqual(['1', '2', '3'])
    })

    test('count together, all or none, and give back', async () => {
      const { nodes } = await pair(client)
      const counts = [limit('all', 3), limit('ann', 2)]
      expect(await nodes[0].take(counts)).toBe(-1)
      expect(await nodes[1].take(counts)).toBe(-1)
      expect(await nodes[0].take(counts)).toBe(1)
      expect(await nodes[1].take([limit('all', 3), limit('bob', 2)])).toBe(-1)
      expect(await nodes[0].take([limit('bob', 2), limit('all', 3)])).toBe(1)
      nodes[0].give(['all', 'ann'])
      // Nobody waits for that: the other node's question may be there first, and takes nothing then.
      await expect.poll(() => nodes[1].take(counts)).toBe(-1)
      expect(await nodes[1].take(counts)).toBe(0)
    })

    test('at once, and yet never more than the limit', async () => {
      const { nodes } = await pair(client)
      const taken = await Promise.all(Array.from({ length: 200 }, (_, at) => (nodes[at % 2] as Nodes).take([limit('all', 50)])))
      expect(taken.filter((full) => full === -1)).toHaveLength(50)
    })

    test('what is given back while the store is away counts when it is back; what was taken stays', async () => {
      const proxy = await createFaultProxy(server)
      const { nodes } = await pair(client, proxy.port)
      for (let at = 0; at < 3; at++) expect(await nodes[1].take([limit('all', 3)])).toBe(-1)
      expect(await nodes[0].take([limit('all', 3)])).toBe(0)
      proxy.cut()
      await expect.poll(() => nodes[1].take([limit('all', 3)]).catch(({ code }: { code: string }) => code)).toBe('SSE_ENGINE')
      nodes[1].give(['all'])
      proxy.heal()
      await expect.poll(() => nodes[0].take([limit('all', 3)])).toBe(-1)
      expect(await nodes[0].take([limit('all', 3)])).toBe(0)
    })

    test('one that vanishes is counted no more, soon; one whose place expired says again what it has', async () => {
      const { nodes, name, engines } = await pair(client)
      expect(await nodes[0].take([limit('all', 2)])).toBe(-1)
      expect(await nodes[1].take([limit('all', 2)])).toBe(-1)
      // As after 15 s without a sign of life.
      for (const node of (await server.send('SMEMBERS', `{${name}}:nodes`)) as string[]) {
        const ttl = Number(await server.send('PTTL', `{${name}}:n:${node}`))
        expect(ttl).toBeGreaterThan(5000)
        expect(ttl).toBeLessThanOrEqual(15_000)
        await server.send('DEL', `{${name}}:n:${node}`)
      }
      await expect.poll(async () => (await server.send('KEYS', `{${name}}:n:*`)) as string[]).toHaveLength(2)
      expect(await nodes[0].take([limit('all', 2)])).toBe(0)
      await engines[1]?.close()
      expect(await nodes[0].take([limit('all', 2)])).toBe(-1)
    })

    test('a store that has lost its data is told again', async () => {
      const { nodes } = await pair(client)
      expect(await nodes[0].take([limit('all', 2)])).toBe(-1)
      await server.send('FLUSHALL')
      // Whoever takes finds out for itself at once.
      expect(await nodes[0].take([limit('all', 2)])).toBe(-1)
      expect(await nodes[0].take([limit('all', 2)])).toBe(0)
    })

    test('pass so many in a second, all together', async () => {
      const { nodes } = await pair(client)
      const second = async (): Promise<number> => Number(((await server.send('TIME')) as string[])[0])
      const begun = await second()
      const passed = await Promise.all(Array.from({ length: 300 }, (_, at) => (nodes[at % 2] as Nodes).pass('ann', 10)))
      const count = passed.filter(Boolean).length
      expect(count).toBeGreaterThanOrEqual(10)
      // One second, by the store's clock; more if one ends meanwhile.
      expect(count).toBeLessThanOrEqual(10 * ((await second()) - begun + 1))
      expect(await nodes[0].pass('bob', 1)).toBe(true)
    })

    test('say something of themselves, which the others can read until they are gone', async () => {
      const { nodes, name, engines } = await pair(client)
      await nodes[0].note('one')
      await nodes[1].note('two')
      expect(await nodes[0].notes()).toEqual(['two'])
      await nodes[1].note('two again')
      expect(await nodes[0].notes()).toEqual(['two again'])
      expect(await nodes[1].notes()).toEqual(['one'])
      // It stays while the node does: one that isn't said again is gone by then, for ever.
      await new Promise((resolve) => setTimeout(resolve, 7000))
      await expect.poll(() => nodes[0].notes()).toEqual(['two again'])
      for (const key of (await server.send('KEYS', `{${name}}:note:*`)) as string[]) {
        expect(Number(await server.send('PTTL', key))).toBeLessThanOrEqual(5500)
      }
      await engines[1]?.close()
      expect(await nodes[0].notes()).toEqual([])
    })
  })
})
