import type { StoredItem } from '../engine.js'
import { atOf, decodeItem } from './records.js'
import type { Change, Store } from './store.js'
import type { Fresh } from './trim.js'

// Longer than another process needs to see them.
const FOR = 5000
// So many go at once, and as many again as come.
const MOST = 64

/** Items that no topic keeps are written all the same, for a while: reads don't show them, but other processes hear of them. */
export function passing(store: Store, added: readonly Fresh[]): Change[] {
  return added.map(({ item, record }) => {
    const topic = Buffer.from(item.topic, 'latin1')
    return { table: store.passing, key: item.seq, record: Buffer.concat([Buffer.of(topic.length), topic, record]) }
  })
}

export function passedAfter(store: Store, after: number, through: number): StoredItem[] {
  const items: StoredItem[] = []
  for (const { key, value } of store.passing.getRange({ start: after + 1, end: through + 1 })) {
    const { topic, record } = split(value)
    items.push(decodeItem(topic, key as number, record))
  }
  return items
}

export function forgetPassing(store: Store, now: number, coming = 0): Change[] {
  const changes: Change[] = []
  for (const { key, value } of store.passing.getRange({ limit: MOST + coming })) {
    if (atOf(split(value).record) >= now - FOR) break
    changes.push({ table: store.passing, key })
  }
  return changes
}

function split(value: Buffer): { topic: string; record: Buffer } {
  const from = 1 + value.readUInt8(0)
  return { topic: value.toString('latin1', 1, from), record: value.subarray(from, value.length) }
}
