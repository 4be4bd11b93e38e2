import type { Engine } from '../engines/engine.js'
import { SseError } from '../errors.js'
import { createDeadlines } from '../util/deadlines.js'

/** The log as it is read: within a time, and for readers a few at once. */
export interface Log {
  /** Of the node itself, before all readers. */
  readonly read: Engine['read']
  readonly forReaders: ReaderLog
  /** What readers asked last has failed. */
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
  let reading = 0
  let failures = 0
  const within = createDeadlines(TIMEOUT, () => new SseError('SSE_ENGINE', `The store didn't answer a read within ${TIMEOUT} ms`))

  const read: Engine['read'] = (selectors, after, options) => within(engine.read(selectors, after, options))

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (waiting.length >= MOST_WAITING) throw new SseError('SSE_ENGINE', `More than ${MOST_WAITING} reads of the store wait for others`)
    if (reading >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
    else reading++
    try {
      const result = await work()
      failures = 0
      return result
    } catch (error) {
      // Once, until it works again.
      if (failures++ === 0) onError(error)
      throw error
    } finally {
      // Its place goes to the one that waits longest; whoever comes meanwhile must not have it, too.
      const next = waiting.shift()
      if (next) next()
      else reading--
    }
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
      return failures > 0
    },
  }
}
