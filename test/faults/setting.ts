import { onTestFinished } from 'vitest'
import { createFaultProxy, type FaultProxy } from '../helpers/fault-proxy.js'
import { startRedis, type RedisOptions, type RedisServer } from '../helpers/redis.js'
import { settleAccount, type Summary, type Terms } from './account.js'
import { startNode, type HubNode, type NodeOptions } from './nodes.js'
import { eventually } from './patience.js'
import { createPublisher, type Publisher, type PublisherOptions } from './publisher.js'
import { caughtUp, createReader, type Reader, type ReaderOptions } from './reader.js'

/** Two nodes on one broker, each behind a proxy of its own; a publisher to two topics, and readers of each of them and of both on each node. */
export interface Setting {
  readonly redis: RedisServer
  /** Between a node and the broker. */
  readonly proxies: readonly [FaultProxy, FaultProxy]
  readonly nodes: readonly [HubNode, HubNode]
  readonly publisher: Publisher
  readonly readers: readonly Reader[]
  /** On the first node, unless it is told otherwise. */
  reader(name: string, options?: Partial<ReaderOptions>): Reader
  /** Ends publishing, waits for everybody, and settles the account. */
  settle(terms: Terms): Promise<Summary>
}

export interface SettingOptions {
  readonly redis?: RedisOptions
  readonly node?: Partial<NodeOptions>
  readonly publisher?: Partial<PublisherOptions>
  /** Of readers. */
  readonly path?: string
  /** Whether readers whose node is gone try the other one. @default true */
  readonly move?: boolean
}

const TOPICS = ['a', 'b'] as const

export async function createSetting(options: SettingOptions = {}): Promise<Setting> {
  const redis = await startRedis(options.redis)
  onTestFinished(redis.remove)
  const proxies = [await createFaultProxy(redis), await createFaultProxy(redis)] as const
  // Each library in a node of its own.
  const drivers = ['redis', 'ioredis'] as const
  const [first, second] = await Promise.all(
    proxies.map(({ port }, at) => startNode({ store: `redis://127.0.0.1:${port}`, driver: drivers[at], ...options.node })),
  )
  const nodes = [first as HubNode, second as HubNode] as const
  const urls = nodes.map(({ url }) => url)
  const publisher = createPublisher({ topics: TOPICS, urls, ...options.publisher })
  const readers: Reader[] = []

  function reader(name: string, more: Partial<ReaderOptions> = {}): Reader {
    const one = createReader({ name, topics: TOPICS, urls, path: options.path ?? '/events', ...more })
    readers.push(one)
    return one
  }

  for (const [at, name] of ['A', 'B'].entries()) {
    const [own, other] = [urls[at] as string, urls[1 - at] as string]
    for (const topics of [['a'], ['a', 'b']])
      reader(`${name}:${topics.join('+')}`, { topics, urls: options.move === false ? [own] : [own, other] })
  }
  // From here on everything published is due.
  await eventually(
    () => readers.every(({ lastAt }) => lastAt > 0),
    () => 'the readers have begun',
  )
  return {
    redis,
    proxies,
    nodes,
    publisher,
    readers,
    reader,
    async settle(terms) {
      await publisher.pause()
      await caughtUp(readers, publisher.books.acknowledged)
      for (const one of readers) one.check()
      return settleAccount(publisher.books, readers, terms)
    },
  }
}
