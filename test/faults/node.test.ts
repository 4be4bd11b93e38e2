import { afterAll, expect, test } from 'vitest'
import { newFolder, removeFolders } from '../helpers/folders.js'
import { describeWithRedis, fakeClock, removeRedis } from '../helpers/redis.js'
import { hasNoClock } from './clock.js'
import { startNode } from './nodes.js'
import { createSetting } from './setting.js'

afterAll(async () => {
  await removeRedis()
  removeFolders()
})

describeWithRedis('a node', () => {
  test('killed with kill -9 in the middle of publishes: its clients resume on the other, and nothing is lost or doubled', async () => {
    const { nodes, publisher, readers, settle } = await createSetting({ publisher: { pace: 0 } })
    for (let round = 0; round < 4; round++) {
      const node = nodes[(round % 2) as 0 | 1]
      await publisher.more(20)
      await node.kill()
      await publisher.more(20)
      await node.start()
    }
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
    expect(publisher.repeated).toBeGreaterThan(0)
    for (const { connections } of readers) expect(connections).toBeGreaterThan(1)
  })

  test('stays alive when no broker is there for a long time after both were', async () => {
    const { redis, nodes, publisher, settle } = await createSetting()
    await publisher.more(5)
    await redis.kill()
    // More than any default number of tries of the client libraries.
    await new Promise((resolve) => setTimeout(resolve, 5000))
    await redis.start()
    await publisher.more(5)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
    expect(nodes.map(({ isRunning }) => isRunning)).toEqual([true, true])
  })

  test.skipIf(hasNoClock)('whose clock is set back by an hour, or goes ahead, makes no difference', async () => {
    const clock = fakeClock(newFolder())
    const { redis, publisher, reader, settle } = await createSetting()
    const odd = await startNode({ store: redis.url, env: clock.env, history: { age: 600_000 } })
    reader('odd', { urls: [odd.url] })
    await publisher.more(10)
    for (const offset of ['-1h', '+1h', '+0']) {
      clock.set(offset)
      await publisher.more(10)
      reader(`odd ${offset}`, { urls: [odd.url], topics: ['a'] })
    }
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
  })
})
