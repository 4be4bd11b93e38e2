import { unheld } from '../util/wait.js'

/** A reader whose connection takes no more for now. */
export interface Laggard {
  /** How many bytes of its topics have come since it was live. */
  readonly behind: number
  /** Its connection is given up. */
  drop(): void
}

/** What it was given last: many may have been given the same. */
interface Given {
  readonly size: number
}

export interface Laggards {
  /** The reader was given this, and takes no more. */
  add(reader: Laggard, given: Given): void
  /** It does again, or is gone. */
  remove(reader: Laggard): void
  close(): void
}

export interface LaggardsOptions {
  /** Without progress for so many milliseconds a connection is given up. */
  readonly stallTimeout: number
  /** What all of them together may hold; beyond it those that have stalled longest go. In bytes. */
  readonly budget: number
  /** Who is further behind is given up. In bytes; for hubs that disconnect the slow ones. */
  readonly maxLag: number
}

// How often they are looked at within the stall timeout.
const LOOKS = 8

/** Those who don't read, in the order in which they stopped: what they hold in memory is bounded, and so is for how long. */
export function createLaggards({ stallTimeout, budget, maxLag }: LaggardsOptions): Laggards {
  const waiting = new Map<Laggard, { readonly since: number; readonly given: Given }>()
  const holders = new Map<Given, number>()
  let held = 0
  let timer: ReturnType<typeof setInterval> | undefined

  function add(reader: Laggard, given: Given): void {
    remove(reader)
    waiting.set(reader, { since: performance.now(), given })
    const count = holders.get(given) ?? 0
    holders.set(given, count + 1)
    if (count === 0) held += given.size
    for (const [longest] of waiting) {
      if (held <= budget) break
      longest.drop()
      remove(longest)
    }
    if (timer) return
    timer = unheld(setInterval(look, Math.min(Math.max(1, stallTimeout / LOOKS), 1000)))
  }

  function remove(reader: Laggard): void {
    const given = waiting.get(reader)?.given
    if (!given) return
    waiting.delete(reader)
    const count = (holders.get(given) as number) - 1
    if (count > 0) return void holders.set(given, count)
    holders.delete(given)
    held -= given.size
  }

  function look(): void {
    if (waiting.size === 0) return close()
    const before = performance.now() - stallTimeout
    for (const [reader, { since }] of waiting) {
      if (since > before && reader.behind <= maxLag) continue
      reader.drop()
      remove(reader)
    }
  }

  function close(): void {
    clearInterval(timer)
    timer = undefined
  }

  return { add, remove, close }
}
