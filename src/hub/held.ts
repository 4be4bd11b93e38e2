import type { Passed, StoredItem } from '../engines/engine.js'

/** What was told of an item: all of it, or its place only. */
export type Hint = StoredItem | Passed

/** Hints that can't be placed yet, bounded in number and bytes: beyond that the log is quicker. */
export interface Held {
  readonly isFull: boolean
  get(seq: number): Hint | undefined
  /** Whole, it takes the place of what only said where. */
  add(hint: Hint): void
  delete(seq: number): void
  /** Of what is settled by now. */
  dropUpTo(seq: number): void
  clear(): void
}

const MOST = 10_000
// About, in characters of data.
const MOST_DATA = 16 * 2 ** 20

export function isWhole(hint: Hint): hint is StoredItem {
  return 'fields' in hint
}

export function createHeld(): Held {
  const bySeq = new Map<number, Hint>()
  let data = 0

  const sizeOf = (hint: Hint | undefined): number => (hint && isWhole(hint) ? hint.fields.data.length : 0)

  function drop(seq: number): void {
    data -= sizeOf(bySeq.get(seq))
    bySeq.delete(seq)
  }

  return {
    get isFull() {
      return bySeq.size > MOST || data > MOST_DATA
    },
    get: (seq) => bySeq.get(seq),
    add(hint) {
      const { seq } = hint
      if (!isWhole(hint) && bySeq.has(seq)) return
      data += sizeOf(hint) - sizeOf(bySeq.get(seq))
      bySeq.set(seq, hint)
    },
    delete: drop,
    dropUpTo(end) {
      for (const seq of bySeq.keys()) if (seq <= end) drop(seq)
    },
    clear() {
      bySeq.clear()
      data = 0
    },
  }
}
