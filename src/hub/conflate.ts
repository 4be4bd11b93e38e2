import { later } from '../util/wait.js'

/** Publishing that is held to the newest value of each key, at most once per interval. */
export interface Conflation<R> {
  /**
   * Stores at once what comes after a quiet interval, and otherwise, at the end of the interval, the last of what came in it. All who
   * were superseded get the answer for the one that was stored.
   */
  publish(key: string, interval: number, store: () => Promise<R>): Promise<R>
  /** Stores what is held, and waits for it. */
  flush(key?: string): Promise<void>
}

interface Key<R> {
  readonly timer: ReturnType<typeof setTimeout>
  next: { store: () => Promise<R>; readonly stored: Promise<R>; readonly settle: (stored: Promise<R>) => void } | undefined
}

export function createConflation<R>(): Conflation<R> {
  const keys = new Map<string, Key<R>>()

  /** Stores, and begins the interval. */
  function begin(key: string, interval: number, store: () => Promise<R>): Promise<R> {
    keys.set(key, { timer: later(() => end(key, interval), interval), next: undefined })
    return store()
  }

  function end(key: string, interval: number): void {
    const held = take(key)
    if (held) held.settle(begin(key, interval, held.store))
  }

  /** What is held of a key, which is then over. */
  function take(key: string): Key<R>['next'] {
    const known = keys.get(key)
    clearTimeout(known?.timer)
    keys.delete(key)
    return known?.next
  }

  return {
    publish(key, interval, store) {
      const known = keys.get(key)
      if (!known) return begin(key, interval, store)
      if (known.next) known.next.store = store
      else {
        let settle: (stored: Promise<R>) => void = () => {}
        const stored = new Promise<R>((resolve) => (settle = resolve))
        known.next = { store, stored, settle }
      }
      return known.next.stored
    },
    async flush(key) {
      const held = (key === undefined ? [...keys.keys()] : [key]).map(take)
      const stored = held.flatMap((next) => {
        next?.settle(next.store())
        return next ? [next.stored] : []
      })
      await Promise.allSettled(stored)
    },
  }
}
