import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../../../test/helpers/redis.js'
import { redisEngine, type RedisClient } from './index.js'

describeWithRedis('the database that the client names', () => {
  let redis: RedisServer
  beforeAll(async () => void (redis = await startRedis({ args: ['--databases', '4'] })))
  afterAll(removeRedis)

  const clients: [string, (database: number) => RedisClient][] = [
    ['node-redis', (database) => createClient({ url: `${redis.url}/${database}` })],
    ['ioredis', (database) => new Redis(`${redis.url}/${database}`, { lazyConnect: true })],
  ]

  test.each(clients)('%s: is where the hub is', async (name, clientOf) => {
    const engine = redisEngine({ client: clientOf(3), name })
    await engine.open()
    await engine.append('a', { data: 'x' }, { history: {} })
    expect(await redis.send('EXISTS', `{${name}}:meta`)).toBe(0)
    expect(String(await redis.send('INFO', 'keyspace'))).toContain('db3:')
    await engine.close()
  })

  // ioredis goes on in database 0 without a word.
  test.each(clients)('%s: one that the server does not have is refused, and no other is taken for it', async (name, clientOf) => {
    const engine = redisEngine({ client: clientOf(4), name: `${name}-4` })
    await expect(engine.open()).rejects.toThrow("Can't open the hub in Redis: ERR DB index is out of range")
    expect(String(await redis.send('INFO', 'keyspace'))).not.toContain('db0:')
    await engine.close()
  })
})
