export { redisEngine } from './redis.js'
export type { RedisOptions } from './redis.js'
export type { IoRedisClient, NodeRedisClient, RedisClient } from './client.js'
