import { backoff } from '../../util/backoff.js'
import type { Connect, Connection } from './connection.js'

const RETRY = { min: 50, max: 2000 }
// How often a connection is asked whether it still lives, and how long it may be silent when it was asked something. Behind a cable that
// was pulled out nothing else would tell for many minutes.
const BEAT = 1000
const SILENT = 3000
// How long a new one may take, from the first packet to the end of the handshake.
const CONNECTING = 6000

export interface LinkOptions {
  readonly connect: Connect
  /** What a new connection needs before it is of use; when it throws the connection is given up. */
  readonly setUp: (connection: Connection) => Promise<void>
  readonly onUp?: () => void
  /** Of a connection that was up. */
  readonly onDown?: (reason: unknown) => void
  readonly onMessage?: (channel: string, message: string) => void
}

/** One connection, made anew whenever it is lost. */
export interface Link {
  /** What can be used now. */
  readonly connection: Connection | undefined
  /** Why there is none. */
  readonly reason: unknown
  /** There will be none any more. */
  readonly isClosed: boolean
  /** Resolves when there is a connection, or the next attempt to make one has failed. */
  tried(): Promise<void>
  /** It is of no use any more: a new one is made. */
  renew(reason: unknown): void
  close(): void
}

export function createLink({ connect, setUp, onUp, onDown, onMessage }: LinkOptions): Link {
  let connection: Connection | undefined
  // Also while it is being set up.
  let current: Connection | undefined
  let reason: unknown
  let closed = false
  let attempt: AbortController | undefined
  let failures = 0
  let heard = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let beat: ReturnType<typeof setInterval> | undefined
  let waiting: (() => void)[] = []

  async function start(): Promise<void> {
    let lost = false
    let made: Connection | undefined
    const onClose = (why: unknown): void => {
      lost = true
      if (made === undefined) reason = why
      // Not of one that was given up: there was another reason for that.
      else if (current === made) down(why)
    }
    const begun = (attempt = new AbortController())
    const late = setTimeout(() => begun.abort(new Error(`No connection was made within ${CONNECTING} ms`)), CONNECTING)
    try {
      const events = {
        onMessage(channel: string, message: string): void {
          heard = performance.now()
          onMessage?.(channel, message)
        },
        onClose,
      }
      const raw = await connect(events, begun.signal).finally(() => clearTimeout(late))
      made = heeded(raw)
      current = made
      if (lost || closed) throw closedFor(reason)
      heard = performance.now()
      listen(made)
      await setUp(made)
      if (lost || closed || current !== made) throw closedFor(reason)
      connection = made
      reason = undefined
      failures = 0
      onUp?.()
    } catch (error) {
      reason = error
      if (current === made) current = undefined
      clearInterval(beat)
      made?.destroy()
      again()
    }
    settle()
  }

  /** Every answer is a sign of life. */
  function heeded(raw: Connection): Connection {
    const heed = async <T>(work: Promise<T>): Promise<T> => {
      try {
        return await work
      } finally {
        heard = performance.now()
      }
    }
    return {
      send: (args) => heed(raw.send(args)),
      subscribe: (kind, names) => heed(raw.subscribe(kind, names)),
      unsubscribe: (kind, names) => heed(raw.unsubscribe(kind, names)),
      destroy: () => raw.destroy(),
    }
  }

  function listen(made: Connection): void {
    let open = 0
    let last = performance.now()
    clearInterval(beat)
    beat = setInterval(() => {
      const now = performance.now()
      const isLate = now - last > 2 * BEAT
      last = now
      // This process was busy: what has come meanwhile is still to be read.
      if (isLate) return void (heard = now)
      if (open > 0 && now - heard > SILENT) {
        const why = new Error(`Nothing was answered for ${SILENT} ms`)
        return giveUp(made, why)
      }
      if (open > 0) return
      open++
      const done = (): void => void open--
      made.send(['PING']).then(done, done)
    }, BEAT)
    beat.unref()
  }

  function giveUp(made: Connection, why: unknown): void {
    if (current === made) down(why)
    made.destroy()
  }

  function down(why: unknown): void {
    const wasUp = connection !== undefined
    reason = why
    current = connection = undefined
    clearInterval(beat)
    // One that is being set up is given up by start().
    if (!wasUp) return
    onDown?.(why)
    again()
  }

  function again(): void {
    if (closed) return
    timer = setTimeout(() => void start(), backoff(++failures, RETRY))
  }

  function settle(): void {
    const settled = waiting
    waiting = []
    for (const resolve of settled) resolve()
  }

  void start()

  return {
    get connection() {
      return connection
    },
    get reason() {
      return reason
    },
    get isClosed() {
      return closed
    },
    tried: () => (connection || closed ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    renew(why) {
      if (current) giveUp(current, why)
    },
    close() {
      closed = true
      clearTimeout(timer)
      clearInterval(beat)
      attempt?.abort(new Error('The connection was closed'))
      const made = current
      current = connection = undefined
      made?.destroy()
      settle()
    },
  }
}

function closedFor(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('The connection was closed')
}
