import { afterAll, expect, onTestFinished, test } from 'vitest'
import { createFaultProxy } from '../helpers/fault-proxy.js'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../helpers/redis.js'
import { until } from '../helpers/until.js'
import { positionOf, type Acknowledged } from './account.js'
import { eventually, PATIENCE } from './patience.js'
import { caughtUp } from './reader.js'
import { createSetting, type Setting } from './setting.js'

afterAll(removeRedis)

async function replication(server: RedisServer): Promise<Record<string, string>> {
  const lines = String(await server.send('INFO', 'replication')).split('\r\n')
  return Object.fromEntries(lines.map((line) => line.split(':', 2) as [string, string]))
}

/** A replica that is in step, behind a cable that can be pulled. */
async function addReplica({ redis }: Setting): Promise<{ replica: RedisServer; inStep(): Promise<void>; cutOff(): void }> {
  const cable = await createFaultProxy(redis)
  const replica = await startRedis({ replicaOf: cable })
  onTestFinished(replica.remove)
  return {
    replica,
    async inStep() {
      await until(
        'the replica is in step',
        async () => {
          const [own, masters] = [await replication(replica), await replication(redis)]
          return own['master_link_status'] === 'up' && own['slave_repl_offset'] === masters['master_repl_offset']
        },
        PATIENCE,
      )
    },
    cutOff: () => cable.halfOpen(),
  }
}

describeWithRedis('failover', () => {
  test('to a replica that has everything costs nobody anything', async () => {
    const setting = await createSetting()
    const { redis, proxies, publisher, settle } = setting
    const { replica, inStep } = await addReplica(setting)
    await publisher.more(20)
    await publisher.pause()
    await caughtUp(setting.readers, publisher.books.acknowledged)
    await inStep()
    await redis.kill()
    await replica.send('REPLICAOF', 'NO', 'ONE')
    for (const proxy of proxies) proxy.aim(replica)
    await publisher.more(20)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
  })

  test('to a replica that missed the last writes: who has seen them is told once, who was behind them misses nothing, and no id is used again', async () => {
    const setting = await createSetting({ move: false })
    const { redis, proxies, nodes, publisher, readers, reader, settle } = setting
    const { replica, inStep, cutOff } = await addReplica(setting)
    const [first] = nodes
    const away = reader('away', { urls: [first.url] })
    await publisher.more(20)
    await publisher.pause()
    await caughtUp(readers, publisher.books.acknowledged)
    const kept = publisher.books.acknowledged.length
    away.leave()
    await inStep()
    cutOff()
    // So is the second node: its readers don't see them.
    proxies[1].halfOpen()
    publisher.use([first.url])
    await publisher.more(20)
    await publisher.pause()
    const onFirst = readers.filter(({ name }) => name.startsWith('A'))
    await caughtUp(onFirst, publisher.books.acknowledged)
    const lost = new Set(publisher.books.acknowledged.slice(kept))
    expect(lost.size).toBeGreaterThanOrEqual(40)

    await redis.kill()
    await replica.send('REPLICAOF', 'NO', 'ONE')
    for (const proxy of proxies) {
      proxy.aim(replica)
      proxy.cut()
      proxy.heal()
    }
    publisher.use(nodes.map(({ url }) => url))
    await publisher.more(20)
    away.come()
    await publisher.more(5)
    await settle({
      gaps: (name) => (name.startsWith('A') ? 1 : 0),
      isLost: (item: Acknowledged) => lost.has(item),
    })
    const highest = Math.max(...[...lost].map(({ id }) => positionOf(id).seq))
    const after = publisher.books.acknowledged.slice(kept + lost.size)
    expect(after.length).toBeGreaterThanOrEqual(50)
    for (const { id } of after) expect(positionOf(id).seq).toBeGreaterThan(highest)
  })

  test('together with the only node that had seen the last writes: its readers are told once, on a node that knows nothing of them', async () => {
    const setting = await createSetting({ move: false })
    const { redis, proxies, nodes, publisher, readers, reader, settle } = setting
    const [first, second] = nodes
    const mover = reader('mover', { urls: [first.url, second.url] })
    const { replica, inStep, cutOff } = await addReplica(setting)
    await publisher.more(20)
    await publisher.pause()
    await caughtUp(readers, publisher.books.acknowledged)
    const kept = publisher.books.acknowledged.length
    await inStep()
    cutOff()
    proxies[1].halfOpen()
    publisher.use([first.url])
    await publisher.more(20)
    await publisher.pause()
    await caughtUp([mover], publisher.books.acknowledged)
    const lost = new Set(publisher.books.acknowledged.slice(kept))

    await Promise.all([redis.kill(), first.kill()])
    await replica.send('REPLICAOF', 'NO', 'ONE')
    for (const proxy of proxies) {
      proxy.aim(replica)
      proxy.cut()
      proxy.heal()
    }
    publisher.use([second.url])
    await publisher.more(20)
    await eventually(() => mover.gaps.length > 0)
    await first.start()
    await publisher.more(5)
    const { gaps } = await settle({
      gaps: (name) => (name.startsWith('B') ? 0 : 1),
      isLost: (item: Acknowledged) => lost.has(item),
    })
    expect(gaps).toBe(3)
  })

  test('in the middle of publishes: each reader is told once if it has seen what is lost, else not at all', async () => {
    const setting = await createSetting({ publisher: { pace: 0 } })
    const { redis, proxies, publisher, readers, settle } = setting
    const { replica, cutOff } = await addReplica(setting)
    await publisher.more(20)
    cutOff()
    await publisher.more(20)
    await redis.kill()
    const seen = Math.max(...publisher.books.acknowledged.map(({ id }) => positionOf(id).seq))
    await replica.send('REPLICAOF', 'NO', 'ONE')
    const at = Number(await replica.send('HGET', '{hub}:meta', 'seq'))
    for (const proxy of proxies) proxy.aim(replica)
    await publisher.more(20)
    // What comes after it is beyond the jump.
    const isLost = ({ id }: { readonly id: string }): boolean => positionOf(id).seq > at && positionOf(id).seq < seen + 2 ** 20
    const hasSeen = (name: string): boolean =>
      readers.some((one) => one.name === name && one.received.some((item) => 'id' in item && isLost(item)))
    // What was stored and unanswered is gone with its key: repeated, it is a new item.
    const { gaps } = await settle({ gaps: (name) => (hasSeen(name) ? 1 : 0), isLost, isLossy: true })
    expect(gaps).toBeGreaterThan(0)
    expect(publisher.books.acknowledged.filter(isLost).length).toBeGreaterThan(0)
  })
})
