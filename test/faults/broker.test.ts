import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { newFolder, removeFolders } from '../helpers/folders.js'
import { describeWithRedis, fakeClock, removeRedis } from '../helpers/redis.js'
import { hasNoClock } from './clock.js'
import { positionOf } from './account.js'
import { eventually, PATIENCE } from './patience.js'
import { repeat } from './publisher.js'
import { caughtUp } from './reader.js'
import { createSetting } from './setting.js'

afterAll(async () => {
  await removeRedis()
  removeFolders()
})

describeWithRedis('a broker', () => {
  test.each([
    ['restarted in order', 'stop'],
    ['killed with kill -9', 'kill'],
  ] as const)('%s, comes back with its data: nothing is lost, nothing doubled, no gap', async (_, end) => {
    const { redis, publisher, readers, settle } = await createSetting()
    for (let round = 0; round < 2; round++) {
      await publisher.more(20)
      await redis[end]()
      await redis.start()
    }
    await publisher.more(20)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
    // They have not even noticed.
    expect(readers.map(({ connections }) => connections)).toEqual([1, 1, 1, 1])
  })

  test('that comes back without its data begins a new epoch, and everybody is told so once', async () => {
    const { redis, publisher, readers, reader, settle } = await createSetting()
    const away = reader('away')
    await publisher.more(20)
    await eventually(() => away.items > 0)
    away.leave()
    await redis.kill()
    await redis.start({ empty: true })
    await publisher.more(20)
    away.come()
    await publisher.more(5)
    await settle({ gaps: 1, reason: 'epoch', isLossy: true })
    const epochs = new Set(publisher.books.acknowledged.map(({ id }) => positionOf(id).epoch))
    expect(epochs.size).toBe(2)
    for (const one of readers) expect(positionOf(one.lastEventId).epoch).toBe([...epochs].at(-1))
  })

  test('that comes back without its data again and again tells of it each time', async () => {
    const { redis, publisher, readers, settle } = await createSetting()
    await publisher.more(5)
    for (let round = 0; round < 2; round++) {
      // Who sleeps through an epoch is told of one gap.
      await publisher.pause()
      await caughtUp(readers, publisher.books.acknowledged)
      await redis.kill()
      await redis.start({ empty: true })
      await publisher.more(5)
    }
    expect(await settle({ gaps: 2, reason: 'epoch', isLossy: true })).toMatchObject({ gaps: 8 })
  })

  test('that is flushed while it runs begins a new epoch, too', async () => {
    const { redis, publisher, settle } = await createSetting()
    await publisher.more(10)
    await redis.send('FLUSHALL')
    await publisher.more(10)
    expect(await settle({ gaps: 1, reason: 'epoch', isLossy: true })).toMatchObject({ gaps: 4 })
  })

  test('that comes back with a backup: who has seen what came after it is told once, everybody else has missed nothing', async () => {
    const setting = await createSetting()
    const { redis, publisher, readers, reader, settle } = setting
    const away = reader('away')
    await publisher.more(10)
    await publisher.pause()
    await caughtUp(readers, publisher.books.acknowledged)
    away.leave()
    const kept = publisher.books.acknowledged.length
    const [data, backup] = [join(redis.folder, 'data'), join(newFolder(), 'backup')]
    await redis.stop()
    cpSync(data, backup, { recursive: true })
    await redis.start()
    await publisher.more(10)
    await publisher.pause()
    await caughtUp(readers.slice(0, 4), publisher.books.acknowledged)
    const lost = new Set(publisher.books.acknowledged.slice(kept))
    await redis.kill()
    rmSync(data, { recursive: true })
    cpSync(backup, data, { recursive: true })
    await redis.start()
    await publisher.more(10)
    away.come()
    const { gaps } = await settle({ gaps: (name) => (name === 'away' ? 0 : 1), reason: 'expired', isLost: (item) => lost.has(item) })
    expect(gaps).toBe(4)
  })

  test('whose memory is full refuses what is published as not stored; readers stay, and it goes on when there is room', async () => {
    const { redis, nodes, publisher, readers, reader, settle } = await createSetting({
      // Nothing but the memory refuses anything.
      node: { publishTimeout: PATIENCE, timeout: PATIENCE },
      publisher: { size: 1000 },
    })
    await publisher.more(10)
    await redis.send('CONFIG', 'SET', 'maxmemory', '1mb')
    await eventually(() => publisher.books.refused.length >= 10)
    expect(new Set(publisher.failures.map(({ is, status, code }) => `${is} ${status} ${code}`))).toEqual(
      new Set(['refused 503 SSE_ENGINE']),
    )
    expect(publisher.failures[0]?.message).toContain('nothing is stored')
    await eventually(() => nodes.some(({ errors }) => /memory/i.test(errors())))
    // Reading needs no room.
    const late = reader('late', { topics: ['a'] })
    await eventually(() => late.items >= 10)
    await redis.send('CONFIG', 'SET', 'maxmemory', '0')
    await publisher.more(10)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
    expect(readers.map(({ connections }) => connections)).toEqual([1, 1, 1, 1, 1])
  })

  test('that evicts keys loses nothing in silence', async () => {
    const { redis, publisher, reader, settle } = await createSetting({ publisher: { size: 4000, pace: 0 } })
    const evicted = async (): Promise<number> => Number(/evicted_keys:(\d+)/.exec(String(await redis.send('INFO', 'stats')))?.[1])
    const away = reader('away')
    await publisher.more(20)
    away.leave()
    const used = Number(/used_memory:(\d+)/.exec(String(await redis.send('INFO', 'memory')))?.[1])
    await redis.send('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    await redis.send('CONFIG', 'SET', 'maxmemory', used + 300_000)
    publisher.start()
    await expect.poll(evicted, { timeout: PATIENCE }).toBeGreaterThan(1)
    await redis.send('CONFIG', 'SET', 'maxmemory', '0')
    away.come()
    await publisher.more(10)
    await settle({ gaps: 'any', isLossy: true })
  })

  test.each([
    // What holds the rest together: it can't be trusted without.
    ['meta', 'publish', 1, 1],
    ['topics', 'read', 1, 1],
    ['heads', 'publish', 1, 1],
    ['drops', 'read', 1, 1],
    ['due', 'publish', 1, 1],
    ['fence', 'read', 1, 1],
    // Items: who has seen them misses nothing.
    ['t:a', 'publish', 0, 1],
    ['t:a', 'read', 0, 1],
    // It is there for speed.
    ['log', 'publish', 0, 0],
  ])(
    'that has evicted the key %s, which a %s finds out: gaps for those who are there %i, for who was away %i',
    async (key, first, here, missing) => {
      const { redis, publisher, readers, reader, settle } = await createSetting()
      const away = reader('away')
      await publisher.more(3)
      await eventually(() => away.items > 0)
      away.leave()
      await publisher.more(5)
      await publisher.pause()
      await caughtUp(readers.slice(0, 4), publisher.books.acknowledged)
      expect(await redis.send('DEL', `{hub}:${key}`)).toBe(1)
      if (first === 'publish') await publisher.more(5)
      away.come()
      await eventually(() => away.gaps.length === missing)
      await publisher.more(5)
      const gaps = (name: string): number => (name === 'away' ? missing : here)
      expect(await settle({ gaps })).toMatchObject({ gaps: 4 * here + missing })
    },
  )

  test('that has begun a new epoch, but has kept idempotency keys of the old one, stores a repeat anew', async () => {
    const { redis, nodes, publisher, settle } = await createSetting()
    await publisher.more(3)
    await publisher.pause()
    const item = { topic: 'a', data: 'repeated' }
    const first = await repeat(nodes[0].url, item, 'key')
    publisher.note(item, first)
    expect(await redis.send('DEL', '{hub}:meta')).toBe(1)
    const [again, third] = [await repeat(nodes[0].url, item, 'key'), await repeat(nodes[1].url, item, 'key')]
    expect(positionOf(again.id).epoch).not.toBe(positionOf(first.id).epoch)
    expect(third.id).toBe(again.id)
    publisher.note(item, again)
    await publisher.more(3)
    expect(await settle({ gaps: 1, reason: 'epoch', isLossy: true })).toMatchObject({ gaps: 4 })
  })

  test.skipIf(hasNoClock)('whose clock is set back by an hour makes no difference', async () => {
    const clock = fakeClock(newFolder())
    const { redis, nodes, publisher, reader, settle } = await createSetting({
      redis: { env: clock.env },
      node: { history: { age: 1_800_000 } },
    })
    const away = reader('away')
    await publisher.more(20)
    const once = { topic: 'a', data: 'once' }
    const first = await repeat(nodes[0].url, once, 'key')
    await eventually(() => away.items > 0)
    away.leave()
    const now = async (): Promise<number> => Number(((await redis.send('TIME')) as string[])[0])
    const before = await now()
    clock.set('-1h')
    await expect.poll(now, { timeout: PATIENCE }).toBeLessThan(before - 3000)
    await publisher.more(20)
    expect(await repeat(nodes[1].url, once, 'key')).toMatchObject({ id: first.id })
    away.come()
    reader('late', { topics: ['b'] })
    await publisher.more(20)
    publisher.note(once, first)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
  })
})
