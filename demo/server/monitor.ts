import { EventEmitter, once } from 'node:events'
import { cursorOf } from './cursor.js'
import { EVERY, heartRate } from './heart.js'

interface Reading {
  /** Counts readings since 1970: it rises by one each time, over restarts of the server too. */
  readonly id: number
  readonly rate: number
}

export interface Monitor {
  /** Readings after the one a client has seen, as they come. Without one, or with one that makes no sense, from the newest on. */
  readings(lastEventId: string, signal: AbortSignal): AsyncGenerator<Reading, void, undefined>
}

const KEPT = 100

/**
 * A bedside monitor: a device of its own. It measures every two seconds whether anybody listens or not, this server included, and
 * remembers its last 100 readings.
 */
export function createMonitor(): Monitor {
  const measured = new EventEmitter().setMaxListeners(0)
  const kept = Array.from({ length: KEPT }, (_, index) =>
    reading(idAt(Date.now()) - KEPT + 1 + index),
  )
  wait()

  // snippet: resume
  async function* readings(lastEventId: string, signal: AbortSignal) {
    let seen = cursorOf(lastEventId, newest()) ?? newest() - 1
    while (true) {
      // No queue per client: each reads on in what all share.
      const next = kept.find(({ id }) => id > seen)
      if (next) {
        yield next
        seen = next.id
      } else {
        await once(measured, 'reading', { signal })
      }
    }
  }
  // end

  function newest(): number {
    return (kept.at(-1) as Reading).id
  }

  function measure(): void {
    // More than one after the computer has slept; ids go on rising when its clock is set back.
    do kept.push(reading(newest() + 1))
    while (newest() < idAt(Date.now()))
    kept.splice(0, kept.length - KEPT)
    measured.emit('reading')
    wait()
  }

  function wait(): void {
    const rest = EVERY - (Date.now() % EVERY)
    // A timer may fire a little early.
    setTimeout(measure, rest < EVERY / 2 ? rest + EVERY : rest).unref()
  }

  return { readings }
}

function idAt(time: number): number {
  return Math.floor(time / EVERY)
}

function reading(id: number): Reading {
  return { id, rate: heartRate(id * EVERY) }
}
