import type { Engine } from '../engines/engine.js'
import { SseError } from '../errors.js'
import { backoff } from '../util/backoff.js'
import { createDeadlines } from '../util/deadlines.js'
import { unheld } from '../util/wait.js'

/** The log as it is read: within a time, and for readers a few at once. */
export interface Log {
  /** Of the node itself, before all readers. */
  readonly read: Engine['read']
  readonly forReaders: ReaderLog
  /** What readers asked has failed just now. */
  readonly isFailing: boolean
}

export interface ReaderLog {
  readonly read: Engine['read']
  /** Of an engine that doesn't know its topics: none. */
  readonly topics: NonNullable<Engine['topics']>
}

/** How long to wait before what has failed is tried again, in milliseconds: each reader by itself, so that they come spread. */
export const RETRY = { min: 100, max: 2000 }

const AT_ONCE = 4
// More are sent away, to come back: those that wait in line may have left by the time it is their turn.
const MOST_WAITING = 10_000
// A read that takes longer is given up: the connection may be dead without knowing.
const TIMEOUT = 10_000

export function createLog(engine: Engine, onError: (error: unknown) => void): Log {
  const waiting: (() => void)[] = []
  const resting = new Set<() => void>()
  let reading = 0
  let failures = 0
  let failedAt = 0
  const within = createDeadlines(TIMEOUT, () => new SseError('SSE_ENGINE', `The store didn't answer a read within ${TIMEOUT} ms`))

  const read: Engine['read'] = (selectors, after, options) => within(engine.read(selectors, after, options))

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (waiting.length >= MOST_WAITING) throw new SseError('SSE_ENGINE', `More than ${MOST_WAITING} reads of the store wait for others`)
    if (reading >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
    else reading++
    try {
      const result = await work()
      failures = 0
      for (const end of resting) end()
      goOn()
      return result
    } catch (error) {
      // Once, until it works again.
      if (failures++ === 0) onError(error)
      failedAt = performance.now()
      rest(RETRY.min + backoff(failures, RETRY))
      throw error
    }
  }

  /** A place goes to the one that waits longest; whoever comes meanwhile must not have it, too. */
  function goOn(): void {
    const next = waiting.shift()
    if (next) next()
    else reading--
  }

  /** While the store fails, thousands that wait for it must not ask one after the other: the place is free when it works again, or later. */
  function rest(time: number): void {
    const end = (): void => {
      clearTimeout(timer)
      if (resting.delete(end)) goOn()
    }
    const timer = unheld(setTimeout(end, time))
    resting.add(end)
  }

  return {
    read,
    forReaders: {
      read: (selectors, after, options) => inTurn(() => read(selectors, after, options)),
      async topics(selectors) {
        return engine.topics ? inTurn(() => within(engine.topics?.(selectors) ?? Promise.resolve([]))) : []
      },
    },
    get isFailing() {
      return failures > 0 && performance.now() - failedAt < 2 * TIMEOUT
    },
  }
}
