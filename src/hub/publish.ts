import type { Appended, Engine, StoredItem } from '../engines/engine.js'
import { SseError } from '../errors.js'
import { mustBe } from '../protocol/fields.js'
import type { Opt } from '../protocol/item.js'
import { checkTopic } from '../protocol/topic.js'
import { createDeadlines } from '../util/deadlines.js'
import { byteLength } from '../util/text.js'
import { createConflation } from './conflate.js'
import { formatCursor } from './cursor.js'
import { toFields, type Fields } from './fields.js'
import { looseFrame } from './frame.js'
import type { ToItem } from './items.js'
import type { SettingsOf } from './options.js'
import type { Tail } from './tail.js'

export interface PublishOptions extends Opt<{
  /** The event type of data that is no item. */
  event: string
  /**
   * The same key again within ten minutes, with the same data, publishes nothing and gives the first one's id. Scoped by topic; 1 to 255
   * printable ASCII characters.
   */
  idempotencyKey: string
  /** Engines that can (`supports.transactions`): written with the caller's own transaction, then `id` is null. Others throw a TypeError. */
  transaction: unknown
}> {}

interface Published {
  readonly id: string | null
}

export interface Publisher {
  publish(topic: string, data: unknown, options?: PublishOptions): Promise<Published>
  /** What would be stored of data. @throws {SseError} SSE_INVALID_FIELD, SSE_INVALID_DATA. */
  fieldsOf(data: unknown, event?: string): Fields
  /** What an item is the newest value of: its topic, or a key of it. */
  keyOf(topic: string, fields: StoredItem['fields']): string
  /** Stores what is held back, and takes no more. */
  close(): Promise<void>
}

export interface PublisherOptions {
  readonly engine: Engine
  readonly tail: Tail
  readonly settingsOf: SettingsOf
  readonly toItem: ToItem
  readonly counts: { published: number }
  readonly publishTimeout: number | undefined
  readonly itemBytes: number | undefined
  readonly onError: (error: unknown) => void
}

const KEY = /^[\x20-\x7e]{1,255}$/
const INTERVAL = 100

export function createPublisher(options: PublisherOptions): Publisher {
  const { engine, tail, settingsOf, toItem, counts, publishTimeout = 10_000, itemBytes = 2 ** 20, onError } = options
  const conflation = createConflation<Appended | null>()
  const maybeStored = (): SseError =>
    new SseError(
      'SSE_MAYBE_STORED',
      `The store didn't answer within \`publishTimeout\` (${publishTimeout} ms): the item may be stored; repeat it with the same \`idempotencyKey\``,
    )
  const notStored = (): SseError =>
    new SseError(
      'SSE_ENGINE',
      `The store was not open within \`publishTimeout\` (${publishTimeout} ms): the item is not stored; try again when \`hub.ready\` has resolved`,
    )
  const within = createDeadlines(publishTimeout, maybeStored)
  // Those that wait for the engine to open, and whether that is over.
  const early = new Set<() => void>()
  let isOver = false
  tail.ready.then(beginEarly, beginEarly)
  let closed = false

  function fieldsOf(data: unknown, event?: string): Fields {
    const fields = toFields(data, event)
    toItem.check(data, fields)
    const bytes = byteLength(fields.data)
    if (bytes <= itemBytes) return fields
    throw new SseError('SSE_INVALID_DATA', `\`data\` has ${bytes} bytes, \`limits.itemBytes\` is ${itemBytes}: publish less, or raise it`)
  }

  function keyOf(topic: string, fields: StoredItem['fields']): string {
    const { conflate } = settingsOf(topic)
    const item = conflate && toItem(looseFrame(topic, fields), undefined)
    return item === undefined ? topic : `${topic}\n${(conflate as { key: (item: unknown) => string }).key(item)}`
  }

  // Every item comes this way: a rest of options or a promise in between would cost more than all the checks.
  async function publish(topic: string, data: unknown, options: PublishOptions = {}): Promise<Published> {
    const { event, idempotencyKey, transaction } = options
    checkTopic(topic)
    const fields = fieldsOf(data, event)
    if (fields.id !== undefined) {
      throw new SseError('SSE_INVALID_FIELD', 'The hub gives each item its `id`: leave it out, and say `idempotencyKey` for safe repeats')
    }
    if (idempotencyKey !== undefined && !(typeof idempotencyKey === 'string' && KEY.test(idempotencyKey))) {
      throw new SseError('SSE_INVALID_FIELD', mustBe('idempotencyKey', '1 to 255 printable ASCII characters', idempotencyKey))
    }
    // Stored beside it, the item would be there although the transaction was rolled back.
    if (transaction !== undefined && !engine.supports.transactions)
      throw new TypeError("`transaction`: this hub's engine can't write within a transaction of the caller's; leave it out")
    if (closed) throw new SseError('SSE_CLOSED', 'The hub is closed')
    const position = await put(topic, fields, idempotencyKey, transaction)
    counts.published++
    if (!position) return { id: null }
    const { epoch, seq } = position
    // Stored in an epoch that this node hasn't heard of.
    if (epoch !== tail.epoch) tail.advance().catch(onError)
    return { id: formatCursor({ epoch, seq, owed: false, scope: '' }) }
  }

  function put(
    topic: string,
    fields: StoredItem['fields'],
    idempotencyKey: string | undefined,
    transaction: unknown,
  ): Promise<Appended | null> {
    const { conflate, history } = settingsOf(topic)
    const append = (): Promise<Appended | null> => engine.append(topic, fields, { history, idempotencyKey, transaction })
    const store = (): Promise<Appended | null> => (tail.isOpen ? within(append()) : storeOnceOpen(append))
    if (!conflate) return store()
    const key = keyOf(topic, fields)
    if (idempotencyKey === undefined && transaction === undefined) return conflation.publish(key, conflate.interval ?? INTERVAL, store)
    // It must not be superseded, or its repeat would be a new item; and what is held was published before it.
    void conflation.flush(key)
    return store()
  }

  /** In the order of the calls: those that come before the engine is open wait in a row. What has waited too long is never stored. */
  function storeOnceOpen(append: () => Promise<Appended | null>): Promise<Appended | null> {
    let begin = (): void => {}
    const opened = new Promise<void>((resolve) => (begin = () => resolve(tail.ready)))
    if (isOver) begin()
    else early.add(begin)
    return within(opened.then(append), () => (early.delete(begin) ? notStored() : maybeStored()))
  }

  function beginEarly(): void {
    isOver = true
    for (const begin of early) begin()
    early.clear()
  }

  return {
    publish,
    fieldsOf,
    keyOf,
    close() {
      closed = true
      return conflation.flush()
    },
  }
}
