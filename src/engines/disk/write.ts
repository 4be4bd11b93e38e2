import type { SseError } from '../../errors.js'
import type { Appended, History, StoredItem } from '../engine.js'
import { forgetPassing, passing } from './passing.js'
import { createKeys, forgetKeys } from './keys.js'
import { decodeTopic, encodeItem, encodePosition, encodeTopic, newTopic, type Topic } from './records.js'
import { apply, type Change, type Store } from './store.js'
import { dropOld, keepNew, type Fresh } from './trim.js'

export interface Draft {
  readonly topic: string
  readonly fields: StoredItem['fields']
  readonly history: History
  readonly idempotencyKey: string | undefined
}

export interface Batch {
  /** One for each draft, in their order. */
  readonly outcomes: readonly (Appended | SseError)[]
  /** The new items: all that the log has from the first to the last. */
  readonly items: readonly StoredItem[]
  readonly epoch: string
  readonly head: number
}

interface Written {
  readonly topic: Topic
  readonly added: Fresh[]
}

/**
 * Within a transaction. First everything is decided, then everything is written: LMDB commits also when this throws, and half a batch
 * must not be stored. (What LMDB itself fails in spoils its transaction.)
 */
export function write(store: Store, drafts: readonly Draft[], window: number): Batch {
  const position = store.position()
  const { epoch, floor } = position
  const now = Date.now()
  let { head } = position
  const keys = createKeys(store, now, window)
  const written = new Map<string, Written>()
  const items: StoredItem[] = []
  const changes: Change[] = []

  const outcomes = drafts.map((draft): Appended | SseError => {
    const known = keys.find(draft)
    if (known) return 'seq' in known ? { epoch, seq: known.seq, prev: known.prev } : known
    const { topic, added } = writtenTo(draft.topic)
    const { size = Infinity, age = Infinity, bytes = Infinity } = draft.history
    // What is too old must not come back because the new age is longer.
    if (age > topic.history.age) changes.push(...dropOld(store, draft.topic, topic, [], now, Infinity).changes)
    const item: StoredItem = { seq: ++head, prev: topic.head, topic: draft.topic, fields: draft.fields, at: now }
    Object.assign(topic, { head, at: now, history: { size, age, bytes } })
    added.push({ item, record: encodeItem(item) })
    items.push(item)
    keys.remember(draft, item)
    return { epoch, seq: item.seq, prev: item.prev }
  })

  function writtenTo(name: string): Written {
    let one = written.get(name)
    if (!one) {
      const record = store.topics.getBinary(name)
      // One that was forgotten and is born again must not look as if it had had no items.
      written.set(name, (one = { topic: record ? decodeTopic(record) : newTopic(floor), added: [] }))
    }
    return one
  }

  // What is forgotten comes first: an old key may be one that is used anew.
  changes.push(...forgetKeys(store, now - window), ...forgetPassing(store, now, drafts.length), ...keys.changes)
  const log: Change[] = []
  for (const [name, { topic, added }] of written) {
    changes.push(...dropOld(store, name, topic, added, now).changes)
    const kept = keepNew(topic, added, now)
    const named = Buffer.from(name, 'latin1')
    for (const { item, record } of kept) {
      changes.push({ table: store.items, key: [name, item.seq], record })
      log.push({ table: store.log, key: item.seq, record: named, last: true })
    }
    changes.push(...passing(store, added.slice(0, added.length - kept.length)))
    changes.push({ table: store.topics, key: name, record: encodeTopic(topic) })
  }
  changes.push(...log.sort((a, b) => (a.key as number) - (b.key as number)))
  if (items.length > 0) changes.push({ table: store.root, key: 'position', record: encodePosition({ ...position, head }) })
  apply(changes)
  return { outcomes, items, epoch, head }
}
