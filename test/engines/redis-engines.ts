import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { onTestFinished } from 'vitest'
import type { Engine, Page, Passed, StoredItem } from '../../src/engines/engine.js'
import { redisEngine, type RedisClient, type RedisOptions } from '../../src/engines/redis/index.js'
import type { Selector } from '../../src/protocol/topic.js'

export const CLIENTS = ['ioredis', 'node-redis'] as const
export type ClientName = (typeof CLIENTS)[number]

/** A client that nobody has connected: the engine makes its own connections. */
export function clientOf(port: number, name: ClientName = 'ioredis'): RedisClient {
  return name === 'ioredis' ? new Redis({ port, lazyConnect: true }) : createClient({ url: `redis://127.0.0.1:${port}` })
}

let hubs = 0

/** A name that no other test of this process has used. */
export function newHub(): string {
  return `test-${process.pid}-${++hubs}`
}

export interface OpenedEngine {
  readonly engine: Engine
  readonly name: string
  readonly epoch: string
  readonly head: number
  put(topic: string, data: string, options?: Partial<Parameters<Engine['append']>[2]>): Promise<number>
  read(selectors: Selector | readonly Selector[], after?: number): Promise<Page>
}

/** An open engine on a server; closed when the test is over. It waits for a server that is away as long as any test does. */
export async function openEngine(
  port: number,
  {
    client = 'ioredis',
    name = newHub(),
    timeout = 60_000,
    ...options
  }: Omit<Partial<RedisOptions>, 'client'> & { readonly client?: ClientName } = {},
): Promise<OpenedEngine> {
  const engine = redisEngine({ client: clientOf(port, client), name, timeout, ...options })
  onTestFinished(() => engine.close())
  const { epoch, head } = await engine.open()
  return {
    engine,
    name,
    epoch,
    head,
    async put(topic, data, more = {}) {
      const appended = await engine.append(topic, { data }, { history: {}, ...more })
      return appended?.seq ?? 0
    },
    read: (selectors, after = 0) =>
      engine.read(Array.isArray(selectors) ? (selectors as readonly Selector[]) : [selectors as Selector], after, {
        limit: 100_000,
        bytes: 2 ** 30,
      }),
  }
}

export interface Heard {
  readonly items: StoredItem[]
  readonly passed: Passed[]
  readonly resets: string[]
  /** The highest `seq` that was told. */
  readonly through: number
  readonly stop: () => void
}

/** Writes down what an engine tells. */
export function listen({ engine }: OpenedEngine): Heard {
  const heard = { items: [] as StoredItem[], passed: [] as Passed[], resets: [] as string[], through: 0 }
  const stop = engine.watch(
    (items, through) => {
      heard.items.push(...items)
      heard.through = Math.max(heard.through, through)
    },
    (epoch) => void heard.resets.push(epoch),
    (passed) => void heard.passed.push(...passed),
  )
  return Object.assign(heard, { stop })
}
