import { show } from '../../protocol/fields.js'
import type { Connect } from './connection.js'
import { ioRedis } from './ioredis.js'
import { nodeRedis } from './node-redis.js'

/** What is used of node-redis (`redis` 5 or newer): what `createClient()` gives, connected or not. */
export interface NodeRedisClient {
  readonly isOpen: boolean
  readonly options?: object | undefined
  duplicate(...overrides: never[]): unknown
  sendCommand(...args: never[]): unknown
  pSubscribe(...args: never[]): unknown
}

/** What is used of ioredis (5 or newer): a `new Redis()`, connected or not. */
export interface IoRedisClient {
  readonly status: string
  duplicate(...overrides: never[]): unknown
  call(...args: never[]): unknown
  psubscribe(...args: never[]): unknown
}

export type RedisClient = NodeRedisClient | IoRedisClient

/**
 * Tells the two packages apart by what their clients can. The client itself is only a pattern: this engine's connections are duplicates
 * of it, without its offline queue, its reconnecting and its repeating of commands, which would store items twice.
 */
export function connectorOf(client: RedisClient): Connect {
  const has = (name: string): boolean => typeof (client as unknown as Record<string, unknown> | undefined)?.[name] === 'function'
  if (has('getSentinelNode')) {
    throw new TypeError(
      '`client` must not be one of node-redis for sentinels (`createSentinel()`): take one of ioredis, `new Redis({ sentinels, name })`',
    )
  }
  if (!has('duplicate') || (client as { isCluster?: unknown }).isCluster === true || has('getSlotRandomNode')) {
    throw new TypeError(
      `\`client\` must be one of ioredis (\`new Redis()\`) or node-redis (\`createClient()\`), to one server: ${show(client)}. For a cluster take a client to the node that has the slot of the hub's name`,
    )
  }
  if (has('sendCommand') && has('pSubscribe')) return nodeRedis(client as never)
  if (has('call') && has('psubscribe')) return ioRedis(client as never)
  throw new TypeError(`\`client\` must be one of ioredis (\`new Redis()\`) or node-redis (\`createClient()\`): ${show(client)}`)
}
