import { SseError } from '../../errors.js'
import { checkField, mustBe } from '../../protocol/fields.js'
import { checkTopic } from '../../protocol/topic.js'
import { later, nextTask } from '../../util/wait.js'
import type { AppendOptions, Appended, StoredItem } from '../engine.js'
import { APPEND } from './append-script.js'
import { NotSentError, type Connection } from './connection.js'
import { hashOf } from './records.js'
import { isNoScript, run, scriptOf } from './scripts.js'
import { isPassing, isRefusal, maybeStored, notStored } from './words.js'

export const APPENDING = scriptOf(APPEND)

// So much goes with one call of the script: it holds up Redis for about a millisecond.
const BATCH = 128
const BATCH_BYTES = 2 ** 20
// And so many calls are under way at once. What waits here is known not to be stored when the connection is lost.
const UNDER_WAY = 8
// So much may wait, in characters of data and a little for each: what is refused is known not to be stored, what ends the process isn't.
const MOST_WAITING = 128 * 2 ** 20
const EACH = 100

interface Draft {
  /** The script's arguments for it. */
  readonly args: readonly string[]
  readonly size: number
  /** When it is given up unless it is sent before (`performance.now()`). */
  readonly until: number
  readonly topic: string
  readonly key: string | undefined
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: unknown) => void
}

export interface AppendsOptions {
  readonly key: string
  readonly timeout: number
  readonly connection: () => Connection | undefined
  /** Why there is none. */
  readonly reason: () => unknown
  /** The script's arguments before the items. */
  readonly head: () => readonly string[]
  /** The connection leads to a server that can't do it now. */
  readonly renew: (reason: unknown) => void
  readonly onAppended: (epoch: string, seq: number) => void
}

export interface Appends {
  append(topic: string, fields: StoredItem['fields'], options: AppendOptions): Promise<Appended>
  /** There is a connection. */
  up(): void
  /** The connection is lost: what was under way may be stored. */
  down(reason: unknown): void
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>
  /** Gives up what still waits. */
  stop(reason: unknown): void
}

/** Appends in the order of the calls: those of one turn of the event loop go together, and those that come meanwhile with the next. */
export function createAppends({ key, timeout, connection, reason, head, renew, onAppended }: AppendsOptions): Appends {
  let queue: Draft[] = []
  let waiting = 0
  const underWay: { readonly drafts: readonly Draft[] }[] = []
  /** What Redis has sent back undone, in the order in which it was sent. */
  let returned: Draft[] = []
  let planned = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const idle: (() => void)[] = []

  function plan(): void {
    if (planned) return
    planned = true
    void nextTask().then(() => {
      planned = false
      flush()
    })
  }

  function flush(): void {
    const open = connection()
    // What was sent back comes first, when all that was sent has come back.
    if (returned.length > 0) {
      if (underWay.length > 0) return
      queue = [...returned, ...queue]
      returned = []
    }
    if (open) while (queue.length > 0 && underWay.length < UNDER_WAY) send(open, take(queue))
    watch()
  }

  function send(open: Connection, drafts: readonly Draft[]): void {
    const batch = { drafts }
    underWay.push(batch)
    run(open, APPENDING, key, [...head(), ...drafts.flatMap(({ args }) => args)]).then(
      (reply) => {
        if (finish(batch)) answer(drafts, reply as readonly string[])
      },
      (error: unknown) => {
        if (finish(batch)) refuse(open, drafts, error)
      },
    )
  }

  /** Whether it was still under way: when a connection is lost nobody waits for its answers. */
  function finish(batch: { readonly drafts: readonly Draft[] }): boolean {
    const at = underWay.indexOf(batch)
    if (at < 0) return false
    underWay.splice(at, 1)
    if (queue.length > 0 || returned.length > 0) plan()
    return true
  }

  function answer(drafts: readonly Draft[], [epoch = '', ...answers]: readonly string[]): void {
    let highest = 0
    drafts.forEach((draft, index) => {
      const [seq, prev] = (answers[index] ?? '').split(' ')
      if (prev === undefined) return draft.reject(conflict(draft))
      highest = Math.max(highest, Number(seq))
      draft.resolve({ epoch, seq: Number(seq), prev: Number(prev) })
    })
    onAppended(epoch, highest)
    settle()
  }

  function refuse(open: Connection, drafts: readonly Draft[], error: unknown): void {
    if (isNoScript(error)) {
      returned.push(...drafts)
      // Before what is sent next, on the same connection.
      if (returned.length === drafts.length) open.send(['SCRIPT', 'LOAD', APPENDING.text]).catch(() => {})
      plan()
    } else if (isPassing(error) || error instanceof NotSentError) {
      returned.push(...drafts)
      // All that is under way comes back first, so that it isn't taken for what may be stored.
      if (underWay.length === 0) renew(error)
    } else {
      const rejection = isRefusal(error) ? notStored(error) : maybeStored(error)
      for (const { reject } of drafts) reject(rejection)
    }
    settle()
  }

  /** Gives up what waits for too long. */
  function watch(): void {
    clearTimeout(timer)
    timer = undefined
    const now = performance.now()
    const isLate = ({ until }: Draft): boolean => until <= now
    // In the order of their ends, but for what was sent back.
    if (returned.some(isLate) || (queue[0] && isLate(queue[0]))) {
      const early = queue.findIndex(({ until }) => until > now)
      const late = returned.filter(isLate).concat(queue.splice(0, early < 0 ? queue.length : early))
      returned = returned.filter(({ until }) => until > now)
      for (const { reject } of late) reject(notStored(reason() ?? new Error(`It took nothing for ${timeout} ms`)))
      settle()
    }
    const next = returned[0] ?? queue[0]
    if (next) timer = later(watch, Math.max(1, next.until - now))
  }

  function settle(): void {
    if (queue.length + returned.length + underWay.length > 0) return
    clearTimeout(timer)
    timer = undefined
    for (const resolve of idle.splice(0)) resolve()
  }

  return {
    append(topic, fields, options) {
      const draft = draftOf(topic, fields, options)
      const weight = draft.size + EACH
      if (waiting > 0 && waiting + weight > MOST_WAITING)
        throw notStored(new Error(`${MOST_WAITING / 2 ** 20} MiB of items wait for it already`))
      waiting += weight
      return new Promise<Appended>((resolve, reject) => {
        const settled =
          <T>(settle: (value: T) => void) =>
          (value: T): void => {
            waiting -= weight
            settle(value)
          }
        queue.push({ ...draft, until: performance.now() + timeout, resolve: settled(resolve), reject: settled(reject) })
        if (connection()) plan()
        else timer ??= later(watch, timeout)
      })
    },
    up: flush,
    down(why) {
      const lost = underWay.splice(0)
      for (const { drafts } of lost) for (const { reject } of drafts) reject(maybeStored(why))
      settle()
      watch()
    },
    stop(why) {
      clearTimeout(timer)
      for (const { reject } of [...returned.splice(0), ...queue.splice(0)]) reject(notStored(why))
      for (const { drafts } of underWay.splice(0)) for (const { reject } of drafts) reject(maybeStored(why))
      settle()
    },
    idle() {
      const done = new Promise<void>((resolve) => idle.push(resolve))
      settle()
      return done
    },
  }
}

function take(queue: Draft[]): readonly Draft[] {
  let count = 0
  let bytes = 0
  for (const { size } of queue) {
    if (count === BATCH || (count > 0 && bytes + size > BATCH_BYTES)) break
    bytes += size
    count++
  }
  return queue.splice(0, count)
}

/** @throws What is wrong with the call. */
function draftOf(
  topic: string,
  { data, event }: StoredItem['fields'],
  { history, idempotencyKey, transaction }: AppendOptions,
): Pick<Draft, 'args' | 'size' | 'topic' | 'key'> {
  if (transaction !== undefined) throw new TypeError("`transaction`: the Redis engine can't write within a transaction of the caller's")
  if (typeof data !== 'string') throw new TypeError(`\`data\` must be a string: ${String(data)}`)
  if (idempotencyKey === '') throw new SseError('SSE_INVALID_FIELD', mustBe('idempotencyKey', 'a text of a character or more', ''))
  const { size, age, bytes } = history
  const args = [
    checkTopic(topic),
    event === undefined ? '' : ` ${checkField('event', event)}`,
    data,
    ...[size, age, bytes].map((limit) => (limit === undefined || limit === Infinity ? '' : `${limit}`)),
    idempotencyKey ?? '',
    idempotencyKey === undefined ? '' : hashOf({ data, ...(event !== undefined && { event }) }),
  ]
  return { args, size: data.length, topic, key: idempotencyKey }
}

function conflict({ topic, key }: Draft): SseError {
  return new SseError(
    'SSE_CONFLICT',
    `\`idempotencyKey\` ${JSON.stringify(key)} was used in ${topic} for another item: repeat with the same data, or use a new key`,
  )
}
