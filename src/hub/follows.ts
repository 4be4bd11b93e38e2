import type { Engine } from '../engines/engine.js'
import { keyOf, pattern, type Pattern, type Selector } from '../protocol/topic.js'
import { later, unheld } from '../util/wait.js'
import type { Interest } from './interest.js'

/** What this node's readers follow, for engines that carry only that to it whole. */
export interface Follows {
  /** Whether there is more in the log than what is followed. */
  readonly isPartial: boolean
  /** A set of topics has its first reader. */
  enter(interest: Interest): void
  /** Its last one has left. */
  exit(interest: Interest): void
  has(topic: string): boolean
  /** What is settled of an interest's topics above this is in the ring, as far as that reaches. Infinity while that isn't known. */
  since(interest: Interest): number
  /** All that is followed, for a read of the log; for what is followed from now on it says nothing. */
  beginRead(): readonly Selector[]
  /** The read is over, and everything up to here is settled. */
  endRead(settled: number): void
  /** What was settled was of another epoch. */
  renew(): void
  /** The engine is open. */
  open(): void
  close(): void
}

interface Followed {
  readonly selector: Selector
  /** Sets of topics with readers. */
  interests: number
  since: number
  stop: (() => void) | undefined
}

const ALL: readonly Selector[] = [pattern('**')]

// How long what nobody follows any more is still followed, in milliseconds: whoever reconnects comes back within that.
const LINGER = 5000

/** @param settledNow What is settled when it is asked. */
export function createFollows(engine: Engine, settledNow: () => number): Follows {
  if (!engine.follow) return everything
  const byKey = new Map<string, Followed>()
  const patterns = new Set<Followed & { readonly selector: Pattern }>()
  // In the order of their times.
  const leaving = new Map<Followed, number>()
  // Followed since a read began that doesn't have them: they are settled without being in the ring.
  const unplaced = new Set<Followed>()
  let isOpen = false
  let closed = false
  let isReading = false
  let timer: ReturnType<typeof setTimeout> | undefined

  function enter({ selectors }: Interest): void {
    for (const selector of selectors) {
      const followed = byKey.get(keyOf(selector)) ?? begin(selector)
      followed.interests++
      leaving.delete(followed)
    }
  }

  function begin(selector: Selector): Followed {
    const followed: Followed = { selector, interests: 0, since: isReading ? Infinity : settledNow(), stop: undefined }
    if (isReading) unplaced.add(followed)
    byKey.set(keyOf(selector), followed)
    if (typeof selector !== 'string') patterns.add(followed as Followed & { selector: Pattern })
    if (isOpen && !closed) followed.stop = engine.follow?.([selector])
    return followed
  }

  function exit({ selectors }: Interest): void {
    for (const selector of selectors) {
      const followed = byKey.get(keyOf(selector))
      if (!followed || --followed.interests > 0) continue
      leaving.set(followed, performance.now() + LINGER)
    }
    if (!closed && leaving.size > 0) timer ??= unheld(later(sweep, LINGER))
  }

  function sweep(): void {
    timer = undefined
    const now = performance.now()
    for (const [followed, until] of leaving) {
      // Timers may be early by a part of a millisecond.
      if (until > now) return void (timer = unheld(later(sweep, Math.max(1, until - now))))
      leaving.delete(followed)
      unplaced.delete(followed)
      byKey.delete(keyOf(followed.selector))
      patterns.delete(followed as Followed & { selector: Pattern })
      followed.stop?.()
    }
  }

  return {
    isPartial: true,
    enter,
    exit,
    has(topic) {
      if (byKey.has(topic)) return true
      for (const { selector } of patterns) if (selector.matches(topic)) return true
      return false
    },
    since({ selectors }) {
      let highest = 0
      for (const selector of selectors) {
        const since = byKey.get(keyOf(selector))?.since ?? Infinity
        if (since > highest) highest = since
      }
      return highest
    },
    beginRead() {
      isReading = true
      return Array.from(byKey.values(), ({ selector }) => selector)
    },
    endRead(settled) {
      isReading = false
      for (const followed of unplaced) followed.since = settled
      unplaced.clear()
    },
    renew() {
      isReading = false
      unplaced.clear()
      for (const followed of byKey.values()) followed.since = 0
    },
    open() {
      isOpen = true
      // Nothing: from now on it need not send everything.
      engine.follow?.([])
      for (const followed of byKey.values()) followed.stop = engine.follow?.([followed.selector])
    },
    close() {
      closed = true
      clearTimeout(timer)
      for (const { stop } of byKey.values()) stop?.()
    },
  }
}

/** Of an engine that tells every node of everything. */
const everything: Follows = {
  isPartial: false,
  enter() {},
  exit() {},
  has: () => true,
  since: () => 0,
  beginRead: () => ALL,
  endRead() {},
  renew() {},
  open() {},
  close() {},
}
