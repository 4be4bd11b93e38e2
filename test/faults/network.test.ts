import { afterAll, expect, test } from 'vitest'
import { createFaultProxy, type Proxied } from '../helpers/fault-proxy.js'
import { describeWithRedis, removeRedis } from '../helpers/redis.js'
import { until } from '../helpers/until.js'
import { eventually, PATIENCE } from './patience.js'
import { publish, repeat } from './publisher.js'
import { createSetting } from './setting.js'

afterAll(removeRedis)

/** The connection for hints. */
const hears = (connection: Proxied): boolean => connection.said(/subscribe/i)

describeWithRedis('between node and broker', () => {
  test.each(['cut', 'reset'] as const)('connections are %s, one node after the other: no item is lost, no gap', async (how) => {
    const { proxies, publisher, readers, settle } = await createSetting()
    for (const proxy of proxies) {
      await publisher.more(10)
      proxy[how]({ for: 400 })
      await publisher.more(10)
    }
    for (const proxy of proxies) proxy[how]({ for: 400 })
    await publisher.more(10)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
    expect(readers.map(({ connections }) => connections)).toEqual([1, 1, 1, 1])
    for (const proxy of proxies) expect(proxy.accepted).toBeGreaterThan(2)
  })

  test('everything takes its time, and comes piecemeal', async () => {
    const { proxies, publisher, settle } = await createSetting({
      node: { publishTimeout: PATIENCE, timeout: PATIENCE },
      publisher: { size: 200 },
    })
    proxies[0].latency(30, { jitter: 60 })
    proxies[1].slow(20_000)
    await publisher.more(10)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
    expect(publisher.repeated).toBe(0)
  })

  test('connections are half-open, then well again: what may have been stored is, once', async () => {
    const { proxies, publisher, readers, settle } = await createSetting({ node: { publishTimeout: 500 } })
    await publisher.more(10)
    for (const proxy of proxies) proxy.halfOpen()
    await eventually(() => publisher.failures.length >= 4)
    expect(publisher.failures[0]?.code).toBe('SSE_MAYBE_STORED')
    for (const proxy of proxies) proxy.heal()
    await publisher.more(10)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
    expect(readers.map(({ connections }) => connections)).toEqual([1, 1, 1, 1])
  })

  test('connections are half-open for good, and only new ones work: found out without help', async () => {
    const { proxies, publisher, settle } = await createSetting({ node: { publishTimeout: 500 } })
    await publisher.more(10)
    for (const proxy of proxies) {
      const { accepted } = proxy
      proxy.halfOpen({ only: ({ number }) => number <= accepted })
    }
    await publisher.more(10)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
  })

  test('a node is cut off while a thousand items are published on the other, and catches up with them', async () => {
    const { proxies, nodes, publisher, readers, settle } = await createSetting({ publisher: { pace: 0 } })
    publisher.use([nodes[0].url])
    await publisher.more(5)
    proxies[1].cut()
    await publisher.more(600)
    const behind = readers.filter(({ name }) => name.startsWith('B'))
    expect(Math.max(...behind.map(({ items }) => items))).toBeLessThan(500)
    proxies[1].heal()
    expect((await settle({ gaps: 0 })).acknowledged).toBeGreaterThan(1200)
    for (const { connections } of behind) expect(connections).toBe(1)
  })

  test.each(['swallowed', 'held'] as const)('hints are %s while commands pass: the log tells what they would have', async (how) => {
    const { proxies, publisher, settle } = await createSetting()
    await publisher.more(10)
    for (const proxy of proxies) {
      expect(proxy.connections.filter(hears)).toHaveLength(1)
      if (how === 'swallowed') proxy.swallow({ only: hears })
      else proxy.halfOpen({ direction: 'down', only: hears })
    }
    await publisher.more(20)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
    expect(proxies[0].swallowed > 0).toBe(how === 'swallowed')
    for (const proxy of proxies) proxy.heal()
    await publisher.more(20)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
  })

  test('the broker ends the connections for hints, again and again, as it does with those that read too slowly', async () => {
    const { redis, publisher, settle } = await createSetting()
    const listeners = async (): Promise<number> => String(await redis.send('CLIENT', 'LIST', 'TYPE', 'pubsub')).split('id=').length - 1
    let killed = 0
    for (let round = 0; round < 5; round++) {
      await publisher.more(5)
      await until('both nodes listen', async () => (await listeners()) === 2, PATIENCE)
      killed += Number(await redis.send('CLIENT', 'KILL', 'TYPE', 'pubsub'))
    }
    await publisher.more(5)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
    expect(killed).toBeGreaterThan(5)
  })

  test.each([
    ['and nothing comes', { publishTimeout: 500, timeout: 500 }],
    ['and then the connection', { publishTimeout: 20_000, timeout: 20_000 }],
  ])("the broker's answer to a publish is lost, %s: it may be stored, and repeated it is stored once", async (how, node) => {
    const { proxies, nodes, readers, publisher, settle } = await createSetting({ node })
    await publisher.more(5)
    await publisher.pause()
    const item = { topic: 'a', data: 'answer lost' }
    proxies[0].swallow({ only: (connection) => !hears(connection) })
    const losing = publish(nodes[0].url, item, 'key')
    // It is stored, as the readers of the other node can tell.
    await eventually(() => readers.some(({ received }) => received.some((one) => 'data' in one && one.data === item.data)))
    if (how !== 'and nothing comes') proxies[0].cut()
    expect(await losing).toMatchObject({ is: 'unknown', status: 504, code: 'SSE_MAYBE_STORED' })
    proxies[0].cut()
    proxies[0].heal()
    const again = await repeat(nodes[1].url, item, 'key')
    expect(await repeat(nodes[0].url, item, 'key')).toMatchObject({ id: again.id })
    publisher.note(item, again)
    await publisher.more(5)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
  })
})

describeWithRedis('between publisher and node', () => {
  test('the answer is lost: repeated with its key, on another node, the publish gives the first id', async () => {
    const { nodes, publisher, settle } = await createSetting()
    const front = await createFaultProxy(nodes[0])
    await publisher.more(5)
    await publisher.pause()
    const item = { topic: 'b', data: 'answer lost' }
    front.swallow()
    const losing = publish(front.url, item, 'key')
    await eventually(() => front.swallowed > 0)
    front.cut()
    expect(await losing).toMatchObject({ is: 'unknown', code: 'NETWORK' })
    const again = await repeat(nodes[1].url, item, 'key')
    expect(await repeat(nodes[0].url, item, 'key')).toMatchObject({ id: again.id })
    publisher.note(item, again)
    await publisher.more(5)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
  })
})
