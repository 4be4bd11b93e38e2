import { SseError } from '../../errors.js'
import type { StoredItem } from '../engine.js'
import { decodeKept, encodeKept, hashOf, type Kept } from './records.js'
import type { Change, Store } from './store.js'

interface Keyed {
  readonly topic: string
  readonly fields: StoredItem['fields']
  readonly idempotencyKey: string | undefined
}

// So many go at once.
const MOST = 64

/** The idempotency keys of one commit: those of the store, and its own. */
export function createKeys(store: Store, now: number, window: number) {
  const own = new Map<string, Kept>()
  const changes: Change[] = []
  return {
    changes: changes as readonly Change[],

    /** The position that a key stands for, or why it is refused. */
    find({ topic, fields, idempotencyKey }: Keyed): Kept | SseError | undefined {
      if (idempotencyKey === undefined) return undefined
      const key = hashOf(topic, idempotencyKey)
      const known = own.get(key.toString('latin1')) ?? stored(store, key, now - window)
      if (!known || known.hash.equals(hashOfFields(fields))) return known
      return new SseError(
        'SSE_CONFLICT',
        `\`idempotencyKey\` ${JSON.stringify(idempotencyKey)} was used in ${topic} for another item: repeat with the same data, or use a new key`,
      )
    },

    remember({ topic, fields, idempotencyKey }: Keyed, { seq, prev }: StoredItem): void {
      if (idempotencyKey === undefined) return
      const key = hashOf(topic, idempotencyKey)
      const kept: Kept = { at: now, seq, prev, hash: hashOfFields(fields) }
      own.set(key.toString('latin1'), kept)
      changes.push({ table: store.keys, key, record: encodeKept(kept) }, { table: store.keyTimes, key: [now, seq], record: key })
    },
  }
}

function stored(store: Store, key: Buffer, since: number): Kept | undefined {
  const record = store.keys.getBinary(key)
  const kept = record && decodeKept(record)
  return kept && kept.at >= since ? kept : undefined
}

function hashOfFields({ data, event }: StoredItem['fields']): Buffer {
  return event === undefined ? hashOf(data) : hashOf(data, event)
}

/** Of keys from before that time, a few. */
export function forgetKeys(store: Store, before: number): Change[] {
  const changes: Change[] = []
  for (const { key, value } of store.keyTimes.getRange({ end: [before, 0], limit: MOST })) {
    changes.push({ table: store.keyTimes, key })
    // It may have been used anew since.
    const kept = store.keys.getBinary(value)
    if (kept && decodeKept(kept).at < before) changes.push({ table: store.keys, key: value })
  }
  return changes
}

export function hasOldKeys(store: Store, before: number): boolean {
  return store.keyTimes.getKeysCount({ end: [before, 0], limit: 1 }) > 0
}
