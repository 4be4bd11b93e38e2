import type { Database, Key } from 'lmdb'
import { SseError } from '../../errors.js'
import type { Appended, History, StoredItem } from '../engine.js'
import {
  atOf,
  decodeKept,
  decodeTopic,
  encodeItem,
  encodeKept,
  encodePosition,
  encodeTopic,
  hashOf,
  newTopic,
  prevOf,
  sizeOf,
  type Kept,
  type Topic,
} from './records.js'
import type { Store } from './store.js'

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

/** Items of earlier commits that one topic may lose in one commit, beyond as many as it gets. The rest goes with the next ones. */
const DROP = 64
const KEYS = 64

export interface Fresh {
  readonly item: StoredItem
  readonly record: Buffer
}

export interface Writes {
  readonly table: Database<Buffer>
  readonly key: Key
  readonly record: Buffer | undefined
  readonly append?: boolean
}

/**
 * Within a transaction. First everything is decided, then everything is written: LMDB commits also when this throws, and half a batch
 * must not be stored. (What LMDB itself fails in spoils its transaction.)
 */
export function write(store: Store, drafts: readonly Draft[], window: number): Batch {
  const position = store.position()
  const now = Date.now()
  let { head } = position
  const topics = new Map<string, Topic>()
  const fresh = new Map<string, Fresh[]>()
  const kept = new Map<string, Kept>()
  const items: StoredItem[] = []
  const writes: Writes[] = []

  const outcomes = drafts.map(({ topic, fields, history, idempotencyKey }): Appended | SseError => {
    const key = idempotencyKey === undefined ? undefined : hashOf(topic, idempotencyKey)
    const hash = key && hashOf(fields.data, fields.event === undefined ? '' : `event:${fields.event}`)
    const first = key && (kept.get(key.toString('latin1')) ?? keptOf(store, key, now - window))
    if (first)
      return hash?.equals(first.hash) ? { epoch: position.epoch, seq: first.seq, prev: first.prev } : conflict(topic, idempotencyKey)

    const state = stateOf(topic)
    const item: StoredItem = { seq: ++head, prev: state.head, topic, fields, at: now }
    state.head = head
    state.at = now
    state.history = { size: history.size ?? Infinity, age: history.age ?? Infinity, bytes: history.bytes ?? Infinity }
    items.push(item)
    fresh.get(topic)?.push({ item, record: encodeItem(item) })
    if (key && hash) {
      const one: Kept = { at: now, seq: item.seq, prev: item.prev, hash }
      kept.set(key.toString('latin1'), one)
      writes.push({ table: store.keys, key, record: encodeKept(one) }, { table: store.keyTimes, key: [now, item.seq], record: key })
    }
    return { epoch: position.epoch, seq: item.seq, prev: item.prev }
  })

  function stateOf(name: string): Topic {
    let state = topics.get(name)
    if (!state) {
      const record = store.topics.getBinary(name)
      // One that was forgotten and is born again must not look as if it had had no items.
      state = record ? decodeTopic(record) : newTopic(position.floor)
      topics.set(name, state)
      fresh.set(name, [])
    }
    return state
  }

  for (const [name, state] of topics) {
    const added = fresh.get(name) ?? []
    trim(store, name, state, added, now, writes)
    writes.push({ table: store.topics, key: name, record: encodeTopic(state) })
  }
  for (const { seq, topic } of items) {
    if (seq >= (topics.get(topic)?.oldest ?? 0) && topics.get(topic)?.count)
      writes.push({ table: store.log, key: seq, record: Buffer.from(topic, 'latin1'), append: true })
  }
  forgetKeys(store, now - window, writes)
  if (items.length > 0) writes.push({ table: store.root, key: 'position', record: encodePosition({ ...position, head }) })
  apply(writes)
  return { outcomes, items, epoch: position.epoch, head }
}

/**
 * Drops what the topic's history doesn't keep: a few at a time, so that no commit takes long. Returns whether there is more to drop.
 * Items of this commit that don't stay are never written.
 */
export function trim(
  store: Store,
  name: string,
  topic: Topic,
  added: readonly Fresh[],
  now: number,
  writes: Writes[],
  most = DROP,
): boolean {
  const { history } = topic
  const size = added.reduce((sum, { record }) => sum + sizeOf(record), 0)
  const exceeds = (count: number, bytes: number, at: number): boolean =>
    topic.count + count > history.size || topic.bytes + bytes > history.bytes || at < now - history.age
  let left = most + added.length
  let more = false
  if (topic.count > 0 && exceeds(added.length, size, topic.oldestAt)) {
    more = true
    const stored = store.items.getRange({ start: [name, topic.oldest], end: [name, topic.head + 1] })
    for (const { key, value } of stored) {
      const [, seq] = key as [string, number]
      topic.oldest = seq
      topic.oldestPrev = prevOf(value)
      topic.oldestAt = atOf(value)
      if (!exceeds(added.length, size, topic.oldestAt)) {
        more = false
        break
      }
      if (left-- === 0) break
      topic.count--
      topic.bytes -= sizeOf(value)
      writes.push({ table: store.items, key: [name, seq], record: undefined }, { table: store.log, key: seq, record: undefined })
    }
    if (topic.count === 0) more = false
  }

  let count = added.length
  let bytes = size
  for (const { item, record } of added) {
    if (topic.count === 0 && exceeds(count, bytes, item.at)) {
      count--
      bytes -= sizeOf(record)
      continue
    }
    if (topic.count === 0) Object.assign(topic, { oldest: item.seq, oldestPrev: item.prev, oldestAt: item.at })
    topic.count++
    topic.bytes += sizeOf(record)
    count--
    bytes -= sizeOf(record)
    writes.push({ table: store.items, key: [name, item.seq], record })
  }
  return more
}

function keptOf(store: Store, key: Buffer, since: number): Kept | undefined {
  const record = store.keys.getBinary(key)
  const kept = record && decodeKept(record)
  return kept && kept.at >= since ? kept : undefined
}

function conflict(topic: string, key: string | undefined): SseError {
  return new SseError(
    'SSE_CONFLICT',
    `\`idempotencyKey\` ${JSON.stringify(key)} was used in ${topic} for another item: repeat with the same data, or use a new key`,
  )
}

/** Drops idempotency keys from before that time, a few. */
export function forgetKeys(store: Store, before: number, writes: Writes[]): void {
  for (const { key, value } of store.keyTimes.getRange({ end: [before, 0], limit: KEYS })) {
    writes.push({ table: store.keyTimes, key, record: undefined })
    // It may have been used anew since.
    const kept = store.keys.getBinary(value)
    if (kept && decodeKept(kept).at < before) writes.push({ table: store.keys, key: value, record: undefined })
  }
}

export function apply(writes: readonly Writes[]): void {
  for (const { table, key, record, append } of writes) {
    if (record === undefined) table.removeSync(key)
    else if (append) table.putSync(key, record, { append })
    else table.putSync(key, record)
  }
}
