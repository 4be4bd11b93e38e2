import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../../../test/helpers/redis.js'
import { testEngine } from '../../testing/engine.js'
import { redisEngine, type RedisClient } from './index.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(removeRedis)

const CLIENTS: readonly (readonly [string, () => RedisClient])[] = [
  ['ioredis', () => new Redis({ port: server.port, lazyConnect: true })],
  ['node-redis', () => createClient({ url: server.url })],
]

let hubs = 0

describeWithRedis('redisEngine', () => {
  describe.each(CLIENTS)('with %s', (_, clientOf) => {
    let name = ''
    testEngine({
      test,
      createEngine: () => redisEngine({ client: clientOf(), name: (name = `hub-${++hubs}`) }),
      reopen: () => redisEngine({ client: clientOf(), name }),
      createForgetful: () => redisEngine({ client: clientOf(), name: `hub-${++hubs}`, forgetAfter: 0 }),
    })
  })
})
