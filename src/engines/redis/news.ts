import type { Engine, Passed, StoredItem } from '../engine.js'
import { createWatchers } from '../watchers.js'
import { decodeHint, decodeItem } from './records.js'

export interface NewsOptions {
  /** Of the channels of this hub. */
  readonly prefix: string
  /** Something has happened that only the store can tell. */
  readonly look: () => void
  /** The store was heard to have gone so far. */
  readonly onSeen: (epoch: string, seq: number) => void
}

export interface News {
  readonly watch: Engine['watch']
  hear(channel: string, message: string): void
  /** What the store itself has said: of another epoch, everybody is told before anything else. */
  know(epoch: string, head: number): void
  /** Tells how far the log goes, so that everybody looks. */
  tell(through: number): void
  stop(): void
}

/** Tells the watchers what comes over the channels: what was heard in one turn of the event loop together. */
export function createNews({ prefix, look, onSeen }: NewsOptions): News {
  const watchers = createWatchers()
  let epoch: string | undefined
  let items: StoredItem[] = []
  let passed: Passed[] = []
  /** Items that came whole and whose hint is still to come: it isn't told again. */
  const whole = new Set<number>()
  /** How far the watchers know that the log goes. */
  let told = 0
  let planned = false

  function hear(channel: string, message: string): void {
    try {
      if (channel === `${prefix}h`) hearHint(message)
      else hearItem(message)
    } catch (error) {
      // Of another version of this package, or by somebody else.
      console.error(error)
      look()
    }
  }

  function hearItem(message: string): void {
    const { epoch: told, value: item } = decodeItem(message)
    if (told !== epoch) return look()
    if (whole.has(item.seq)) return
    whole.add(item.seq)
    items.push(item)
    plan()
  }

  function hearHint(message: string): void {
    const hint = decodeHint(message)
    if (!hint || hint.epoch !== epoch) return look()
    for (const one of hint.value) if (!whole.delete(one.seq)) passed.push(one)
    // What comes later with a lower number is a straggler whose hint was lost.
    const last = hint.value.at(-1)?.seq ?? 0
    for (const seq of whole) {
      if (seq > last) break
      whole.delete(seq)
    }
    onSeen(hint.epoch, last)
    plan()
  }

  function plan(): void {
    if (planned) return
    planned = true
    queueMicrotask(emit)
  }

  function emit(): void {
    planned = false
    const [come, rest] = [items, passed]
    items = []
    passed = []
    const through = come.at(-1)?.seq ?? 0
    told = Math.max(told, through, rest.at(-1)?.seq ?? 0)
    if (come.length > 0) watchers.tell(come)
    if (rest.length > 0) watchers.pass(rest, told)
  }

  return {
    watch: watchers.watch,
    hear,
    know(now, head) {
      if (now === epoch) return
      const isFirst = epoch === undefined
      epoch = now
      told = isFirst ? head : 0
      // Of the old one.
      items = []
      passed = []
      whole.clear()
      if (!isFirst) watchers.reset(now)
    },
    tell(through) {
      if (through <= told) return
      told = through
      watchers.tell([], through)
    },
    stop: watchers.clear,
  }
}
