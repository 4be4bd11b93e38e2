import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLIENTS, clientOf, listen, newHub, openEngine } from '../../../test/engines/redis-engines.js'
import { createFaultProxy } from '../../../test/helpers/fault-proxy.js'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../../../test/helpers/redis.js'
import { pattern, type Selector } from '../../protocol/topic.js'
import { redisEngine } from './index.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(removeRedis)

const BIG = 'x'.repeat(10_000)

/** How many subscriptions the channels of a hub have: by name, by pattern. */
async function subscribers(name: string, topic: string): Promise<number> {
  const [, count] = (await server.send('PUBSUB', 'NUMSUB', `{${name}}:c:${topic}`)) as [string, number]
  return count
}

/** Waits until a connection listens to so many channels, of hints and of topics, and to so many patterns: that comes after `follow()`. */
async function listens(channels: number, patterns: number): Promise<void> {
  const list = async (): Promise<string> => String(await server.send('CLIENT', 'LIST', 'TYPE', 'pubsub'))
  await expect.poll(list).toContain(` sub=${channels} psub=${patterns} `)
}

describeWithRedis('the hints of Redis', () => {
  describe.each(CLIENTS)('with %s', (client) => {
    test('until somebody says what is followed, every item comes whole', async () => {
      const store = await openEngine(server.port, { client })
      const heard = listen(store)
      for (let at = 0; at < 10; at++) await store.put(`t/${at % 3}`, `${at}`)
      await expect.poll(() => heard.items.map(({ fields }) => fields.data)).toEqual(Array.from({ length: 10 }, (_, at) => `${at}`))
      expect(heard.passed).toEqual([])
    })

    test('then only what is followed does, and of the rest its place is told', async () => {
      const store = await openEngine(server.port, { client })
      const other = await openEngine(server.port, { client, name: store.name })
      const heard = listen(other)
      const some: (readonly Selector[])[] = [['a'], [pattern('p/*'), pattern('r/*'), 'b'], ['a', 'b']]
      const stops = some.map((selectors) => other.engine.follow?.(selectors))
      await listens(3, 2)
      const topics = ['a', 'b', 'c', 'p/1', 'p/2', 'q/1', 'a']
      await Promise.all(topics.map((topic) => store.put(topic, topic)))
      await expect.poll(() => heard.items.length + heard.passed.length).toBe(topics.length)
      expect(heard.items.map(({ topic }) => topic)).toEqual(['a', 'b', 'p/1', 'p/2', 'a'])
      expect(heard.passed).toEqual([
        { seq: 3, prev: 0, topic: 'c' },
        { seq: 6, prev: 0, topic: 'q/1' },
      ])
      stops[0]?.()
      stops[0]?.()
      stops[1]?.()
      await listens(3, 0)
      await store.put('p/1', 'nobody')
      await store.put('a', 'still')
      await expect.poll(() => heard.items.at(-1)?.fields.data).toBe('still')
      await expect.poll(() => heard.passed.at(-1)).toEqual({ seq: 8, prev: 4, topic: 'p/1' })
      stops[2]?.()
      await expect.poll(() => subscribers(store.name, 'a')).toBe(0)
    })

    test('a node that follows nothing gets no payload', async () => {
      const store = await openEngine(server.port, { client })
      const proxy = await createFaultProxy(server)
      const idle = await openEngine(proxy.port, { client, name: store.name })
      const heard = listen(idle)
      idle.engine.follow?.(['other'])
      await listens(2, 0)
      const before = proxy.bytes.down
      for (let at = 0; at < 100; at++) await store.put('big', BIG)
      await expect.poll(() => heard.passed.length).toBe(100)
      // A hint is some ten bytes and the names of channel and topic.
      expect(proxy.bytes.down - before).toBeLessThan(100 * 200)
      // And who follows it does, so that this has measured something.
      idle.engine.follow?.(['big'])
      await expect.poll(() => subscribers(store.name, 'big')).toBe(1)
      await store.put('big', BIG)
      await expect.poll(() => heard.items.length).toBe(1)
      expect(proxy.bytes.down - before).toBeGreaterThan(10_000)
    })

    test('a node has one connection for them, however many topics it follows', async () => {
      const store = await openEngine(server.port, { client })
      const proxy = await createFaultProxy(server)
      const node = await openEngine(proxy.port, { client, name: store.name })
      const heard = listen(node)
      for (let at = 0; at < 3000; at++) node.engine.follow?.([`t/${at}`, pattern(`p${at % 50}/*`)])
      await expect.poll(() => subscribers(store.name, 't/2999')).toBe(1)
      await Promise.all(Array.from({ length: 3000 }, (_, at) => store.put(`t/${at}`, 'x')))
      await expect.poll(() => heard.items.length).toBe(3000)
      // It may have been made anew, where nothing was answered for seconds: there is one all the same.
      await expect.poll(() => proxy.connections).toHaveLength(2)
    })

    test('on a new connection the same topics are followed, and everybody is told to look', async () => {
      const store = await openEngine(server.port, { client })
      const proxy = await createFaultProxy(server)
      const node = await openEngine(proxy.port, { client, name: store.name })
      const heard = listen(node)
      node.engine.follow?.(['a'])
      await expect.poll(() => subscribers(store.name, 'a')).toBe(1)
      proxy.cut({ only: (connection) => connection.said(/SUBSCRIBE/i) })
      await store.put('b', 'missed')
      await expect.poll(() => heard.through + (heard.passed.at(-1)?.seq ?? 0)).toBeGreaterThan(0)
      await expect.poll(() => subscribers(store.name, 'a')).toBe(1)
      await store.put('a', 'heard')
      await store.put('b', 'passed')
      await expect.poll(() => heard.items.map(({ fields }) => fields.data)).toEqual(['heard'])
    })

    test('the caller’s client is left as it was', async () => {
      const own = clientOf(server.port, client)
      const state = (): unknown => ('status' in own ? own.status : own.isOpen)
      const before = state()
      const engine = redisEngine({ client: own, name: newHub() })
      await engine.open()
      await engine.append('a', { data: 'x' }, { history: {} })
      await engine.close()
      await engine.close()
      expect(state()).toBe(before)
    })
  })

  test('a new epoch is heard of by all nodes', async () => {
    const store = await openEngine(server.port)
    const other = await openEngine(server.port, { name: store.name, client: 'node-redis' })
    const heard = listen(other)
    await store.put('a', '1')
    await expect.poll(() => heard.through).toBe(1)
    await server.send('DEL', `{${store.name}}:meta`)
    await store.put('a', 'new')
    await expect.poll(() => heard.resets).toHaveLength(1)
    expect((await other.read('a')).epoch).toBe(heard.resets[0])
  })

  test('messages that nobody of this hub has sent do no harm', async () => {
    const said = console.error
    console.error = () => {}
    try {
      const store = await openEngine(server.port)
      const heard = listen(store)
      for (const channel of ['h', 'c:a']) await server.send('PUBLISH', `{${store.name}}:${channel}`, 'nonsense')
      await server.send('PUBLISH', `{${store.name}}:c:a`, `${store.epoch} 1 a 9 0 0\nof a later version`)
      await store.put('a', '1')
      await expect.poll(() => heard.items.map(({ seq }) => seq)).toEqual([1])
    } finally {
      console.error = said
    }
  })
})
