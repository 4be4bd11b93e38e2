import { later } from './wait.js'

interface Open {
  readonly until: number
  readonly expire: () => void
}

// A timer that is so late, in milliseconds, was held up by this process: it was busy, or stood still.
const HELD_UP = 100

/**
 * Promises that must settle within so many milliseconds each, with one timer for all: where thousands are under way, a timer and a race
 * for each would cost more than what they wait for.
 *
 * After a while in which the process was held up they have as long again, at most their time: what came meanwhile is still to be read.
 *
 * @returns What the work gives, or a rejection with what `late` makes: that of all, or its own.
 */
export function createDeadlines(time: number, late: () => unknown): <T>(work: Promise<T>, ownLate?: () => unknown) => Promise<T> {
  // In the order of their ends, since all have the same time: the first is the next.
  const open = new Set<Open>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let due = 0
  let isExcused = false

  function plan(wait: number): void {
    due = performance.now() + wait
    timer = later(look, wait)
  }

  function look(): void {
    timer = undefined
    const now = performance.now()
    // Once in a row: who is busy all the time must not wait for ever.
    isExcused = !isExcused && now - due > HELD_UP
    if (isExcused) return plan(Math.min(now - due, time))
    for (const one of open) {
      // Timers may be early by a part of a millisecond.
      if (one.until > now) return plan(Math.max(1, one.until - now))
      open.delete(one)
      one.expire()
    }
  }

  function close(one: Open): void {
    if (!open.delete(one) || open.size > 0) return
    clearTimeout(timer)
    timer = undefined
  }

  return (work, ownLate = late) =>
    new Promise((resolve, reject) => {
      const one = { until: performance.now() + time, expire: () => reject(ownLate()) }
      open.add(one)
      if (timer === undefined) plan(time)
      work.then(
        (value) => {
          close(one)
          resolve(value)
        },
        (error: unknown) => {
          close(one)
          reject(error)
        },
      )
    })
}
