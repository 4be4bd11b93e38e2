// Type tests: compiled by `npm run types`, never run.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Engine, Page, StoredItem } from '../../src/engines/index.js'
import { memoryEngine } from '../../src/engines/memory.js'
import {
  createHub,
  pattern,
  type Grant,
  type Hub,
  type HubOptions,
  type Pattern,
  type Subscription,
  type Topics,
} from '../../src/hub/index.js'
import { defineEvents, sse, unchecked, type Gap, type ItemOf, type SseItem } from '../../src/index.js'
import { nodeHandler, sendSse } from '../../src/node.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function assert<_ extends true>(): void {}

declare const request: Request
declare const req: IncomingMessage
declare const res: ServerResponse

const events = defineEvents({ stock: unchecked<{ sku: string; left: number }>(), note: unchecked<string>() })
type Item = ItemOf<typeof events>

export async function untyped(): Promise<void> {
  const hub = createHub({
    engine: memoryEngine(),
    topics: {
      'a/*': { history: { size: 10, age: undefined }, snapshot: () => ({ any: 1 }), conflate: { key: ({ data }) => data, interval: 5 } },
    },
    authorize: () => ({ principal: 'me', read: pattern('a/*'), write: ['b'] }),
    whenSlow: 'latest',
    limits: { connections: 10 },
  })
  assert<Same<typeof hub, Hub>>()
  const { id } = await hub.publish('a/1', { any: true }, { event: 'x', idempotencyKey: 'k' })
  assert<Same<typeof id, string | null>>()
  const subscription = hub.subscribe(['a/1', pattern('b/*')], { filter: (item) => item.data !== '', from: 'earliest' })
  assert<Same<typeof subscription, Subscription<SseItem<string>>>>()
  for await (const item of subscription) assert<Same<typeof item, SseItem<string>>>()
  await sendSse(req, res, subscription)
  await sendSse(req, res, ({ lastEventId }) => hub.subscribe('a', { lastEventId }))
  sse(subscription, { request })
  await nodeHandler(hub)(req, res)
  hub.revoke('me')
  // @ts-expect-error: a topic is a string or a pattern
  hub.subscribe(7)
  // @ts-expect-error: one of three
  createHub({ whenSlow: 'never' })
}

export async function typed(): Promise<void> {
  const hub = createHub({
    events,
    topics: { '**': { snapshot: () => events.item('note', 'hello'), conflate: { key: (item) => item.event } } },
  })
  await hub.publish('a', events.item('stock', { sku: '1', left: 2 }))
  // @ts-expect-error: only items of its events
  await hub.publish('a', { sku: '1', left: 2 })
  const subscription = hub.subscribe('a', { until: (item) => item.event === 'stock' && item.data.left === 0 })
  for await (const item of subscription) {
    assert<Same<typeof item, Item | SseItem<Gap, 'gap'>>>()
    if (item.event === 'gap') assert<Same<typeof item.data, Gap>>()
    if (item.event === 'stock') assert<Same<typeof item.data, { sku: string; left: number }>>()
  }
  sse(subscription, { request })
}

export function names(topics: Topics, one: Pattern, grant: Grant, options: HubOptions<unknown, SseItem<string>>): void {
  assert<Same<Topics, string | Pattern | readonly (string | Pattern)[]>>()
  createHub(options).subscribe([one, ...(typeof topics === 'string' ? [topics] : [])], {
    principal: grant.principal,
    expiresAt: grant.expiresAt,
  })
}

export async function anEngine(engine: Engine): Promise<readonly StoredItem[]> {
  const page: Page = await engine.read([pattern('**'), 'a'], 0, { limit: 1, bytes: 1 })
  await engine.append('a', { data: 'x' }, { history: {} })
  return page.items
}
