import type { StoredItem } from '../engine.js'
import { atOf, prevOf, sizeOf, type Topic } from './records.js'
import type { Change, Store } from './store.js'

/** An item that this commit brings. */
export interface Fresh {
  readonly item: StoredItem
  readonly record: Buffer
}

/** Items of earlier commits that one topic may lose in one commit, beyond as many as it gets. The rest goes with the next ones. */
const MOST = 64

/**
 * What the topic's history doesn't keep of the items stored before: a few at a time, so that no commit takes long. `more`: there is more
 * to drop.
 */
export function dropOld(
  store: Store,
  name: string,
  topic: Topic,
  added: readonly Fresh[],
  now: number,
  most = MOST,
): { readonly changes: readonly Change[]; readonly more: boolean } {
  const changes: Change[] = []
  const bytes = added.reduce((sum, { record }) => sum + sizeOf(record), 0)
  const exceeds = (): boolean => isBeyond(topic, added.length, bytes, topic.oldestAt, now)
  if (topic.count === 0 || !exceeds()) return { changes, more: false }
  let left = most + added.length
  for (const { key, value } of store.items.getRange({ start: [name, topic.oldest], end: [name, topic.head + 1] })) {
    const [, seq] = key as [string, number]
    Object.assign(topic, { oldest: seq, oldestPrev: prevOf(value), oldestAt: atOf(value) })
    if (!exceeds()) return { changes, more: false }
    if (left-- === 0) return { changes, more: true }
    topic.count--
    topic.bytes -= sizeOf(value)
    changes.push({ table: store.items, key: [name, seq] }, { table: store.log, key: seq })
  }
  return { changes, more: false }
}

/** Those of the new items that the history keeps: the newest. Counts them in. */
export function keepNew(topic: Topic, added: readonly Fresh[], now: number): readonly Fresh[] {
  let bytes = added.reduce((sum, { record }) => sum + sizeOf(record), 0)
  let from = 0
  if (topic.count === 0) {
    for (const { item, record } of added) {
      if (!isBeyond(topic, added.length - from, bytes, item.at, now)) break
      bytes -= sizeOf(record)
      from++
    }
    const oldest = added[from]?.item
    if (oldest) Object.assign(topic, { oldest: oldest.seq, oldestPrev: oldest.prev, oldestAt: oldest.at })
  }
  topic.count += added.length - from
  topic.bytes += bytes
  return added.slice(from)
}

/** Whether the topic's oldest item, stored `at`, must go, with so many more items than it counts. */
function isBeyond({ count, bytes, history }: Topic, moreItems: number, moreBytes: number, at: number, now: number): boolean {
  return count + moreItems > history.size || bytes + moreBytes > history.bytes || at < now - history.age
}
