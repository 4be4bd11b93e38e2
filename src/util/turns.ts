import { nextTask } from './wait.js'

/** Runs in a task of its own, after what the network has brought by now. */
export const defer: (run: () => void) => void =
  typeof setImmediate === 'function' ? (run) => void setImmediate(run) : (run) => void nextTask().then(run)

interface Turn {
  turn(): void
}

export interface Turns {
  /** Calls `turn()` when its turn comes. */
  add(work: Turn): void
}

/** Work that takes turns, so that no turn of the event loop holds up the rest for longer than `slice` milliseconds and one piece of work. */
export function createTurns(slice: number): Turns {
  let waiting: Turn[] = []
  let at = 0
  let scheduled = false

  function run(): void {
    scheduled = false
    const end = performance.now() + slice
    // None waits when work that was added during the last run was done in it.
    while (at < waiting.length) {
      ;(waiting[at++] as Turn).turn()
      if (performance.now() >= end) break
    }
    if (at < waiting.length) return schedule()
    waiting = []
    at = 0
  }

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    defer(run)
  }

  return {
    add(work) {
      waiting.push(work)
      schedule()
    },
  }
}
