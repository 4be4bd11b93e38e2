import { memoryEngine } from '../engines/memory.js'
import { SseError } from '../errors.js'
import type { Events, Gap, ItemOf } from '../protocol/events.js'
import { mustBe, show } from '../protocol/fields.js'
import type { Opt, SseItem } from '../protocol/item.js'
import { checkTopic, selectorsOf, type Topics } from '../protocol/topic.js'
import type { Answerer } from '../respond/answer.js'
import { byteLength } from '../util/text.js'
import { createTurns } from '../util/turns.js'
import { later } from '../util/wait.js'
import type { Core } from './core.js'
import { formatCursor } from './cursor.js'
import { createFanOut } from './fanout.js'
import { toFields, type Fields } from './fields.js'
import { createAnswer, toResponse } from './http/http.js'
import { interestOf } from './interest.js'
import { itemsOf } from './items.js'
import { checkNumber, DEFAULT_HISTORY, settingsByTopic, type HubOptions } from './options.js'
import { createPages } from './pages.js'
import type { Reader, ReaderOptions } from './reader.js'
import { createRing } from './ring.js'
import { createSnapshots } from './snapshots.js'
import { createSubscription, type SubscribeOptions, type Subscription } from './subscription.js'
import { createTail } from './tail.js'

export interface PublishOptions extends Opt<{
  /** The event type of data that is no item. */
  event: string
  /** The same key again, with the same data, publishes nothing and gives the first one's id. Scoped by topic. */
  idempotencyKey: string
  /** Engines that can: written with the caller's own transaction, then `id` is null. */
  transaction: unknown
}> {}

export interface Stats {
  /** Readers of this process. */
  readonly connections: number
  /** Topics with items among the newest that this process holds. */
  readonly topics: number
  /** Items published through this process. */
  readonly published: number
  /** Items handed to readers. */
  readonly delivered: number
  /** Gaps told. */
  readonly gaps: number
}

export interface Hub<D = unknown, I = SseItem<string>> {
  /**
   * Resolves when the engine holds the item: what it then survives is the engine's word.
   *
   * @throws {SseError} SSE_INVALID_TOPIC, SSE_INVALID_FIELD (also for an item with an `id`: the hub gives it), SSE_INVALID_DATA (also
   * when it is larger than `limits.itemBytes`), SSE_CONFLICT for a key that was used with other data, SSE_ENGINE when the store fails or
   * takes longer than `publishTimeout`, saying whether the item is *not stored* or *may be stored*; SSE_CLOSED.
   */
  publish(topic: string, data: D, options?: PublishOptions): Promise<{ readonly id: string | null }>
  /** @throws {SseError} SSE_INVALID_TOPIC. */
  subscribe(topics: Topics, options?: SubscribeOptions<D, I>): Subscription<I>
  /**
   * The position of now: take it, read your state, subscribe from it, and nothing is missed between.
   *
   * @throws {SseError} SSE_ENGINE while an engine that takes its time is not open: await `ready`.
   */
  readonly lastEventId: string
  /** Resolves when the engine is open. */
  readonly ready: Promise<void>
  /**
   * The hub over HTTP, at the end of any path: `GET /events?topic=...`, `POST /topics/{topic}`, `GET /health`, `GET /stats`. It refuses
   * everything but /health without `authorize`. For node:http and node:http2 there is `nodeHandler(hub)` in `server-sent/node`.
   */
  fetch(request: Request): Promise<Response>
  stats(): Stats
  /** Ends all subscriptions and closes the engine. */
  close(): Promise<void>
}

const RING_BYTES = 8 * 2 ** 20
const LAGGARDS_SLICE = 4
const KEY = /^[\x20-\x7e]{1,255}$/

/** Topics with history, for any number of readers: see docs/hub.md. @throws {TypeError} for an option of the wrong type. */
export function createHub<O, N>(
  options: HubOptions<ItemOf<Events<O, N>>, ItemOf<Events<O, N>> | SseItem<Gap, 'gap'>> & { events: Events<O, N> },
): Hub<ItemOf<Events<O, N>>, ItemOf<Events<O, N>> | SseItem<Gap, 'gap'>>
export function createHub(options?: HubOptions<unknown, SseItem<string>> & { events?: undefined }): Hub
// oxlint-disable-next-line typescript/no-explicit-any -- it stands for both
export function createHub(options: HubOptions<any, any> & { events?: object | undefined } = {}): Hub<any, any> {
  const { engine = memoryEngine(), publishTimeout = 10_000, limits = {}, onError = console.error, events } = options
  const { itemBytes = 2 ** 20 } = limits
  for (const [name, value] of Object.entries({ publishTimeout, ...limits })) checkNumber(name, value)
  const settingsOf = settingsByTopic(options.topics)
  const toItem = itemsOf(events)
  const idOf = (seq: number, scope = ''): string => formatCursor({ epoch: tail.epoch, seq, owed: false, scope })
  let closed = false

  const ring = createRing(RING_BYTES)
  const counts = { published: 0, delivered: 0, gaps: 0 }
  const fanOut = createFanOut(() => tail.settled, idOf, counts)
  const readers = new Set<Reader>()
  const tail = createTail(engine, ring, { onFrames: fanOut.push, onLost: fanOut.fallBack, onReset: fanOut.fallBack, onError })
  const core: Core = {
    engine,
    tail,
    ring,
    pages: createPages(engine, () => tail.settled),
    fanOut,
    snapshots: createSnapshots(() => tail, fieldsOf),
    turns: createTurns(LAGGARDS_SLICE),
    readers,
    counts,
    snapshotOf: (topic) => settingsOf(topic).snapshot,
    hasSnapshots: Object.values(options.topics ?? {}).some(({ snapshot }) => snapshot !== undefined),
    toItem,
    get isClosed() {
      return closed
    },
  }

  function fieldsOf(data: unknown, event?: string): Fields {
    const fields = toFields(data, event)
    if (events) toItem.check(data, fields)
    const bytes = byteLength(fields.data)
    if (bytes <= itemBytes) return fields
    throw new SseError('SSE_INVALID_DATA', `\`data\` has ${bytes} bytes, \`limits.itemBytes\` is ${itemBytes}: publish less, or raise it`)
  }

  async function publish(
    topic: string,
    data: unknown,
    { event, idempotencyKey, transaction }: PublishOptions = {},
  ): Promise<{ id: string | null }> {
    checkTopic(topic)
    const { id, ...fields } = fieldsOf(data, event)
    if (id !== undefined) {
      throw new SseError('SSE_INVALID_FIELD', 'The hub gives each item its `id`: leave it out, and say `idempotencyKey` for safe repeats')
    }
    if (idempotencyKey !== undefined && !(typeof idempotencyKey === 'string' && KEY.test(idempotencyKey))) {
      throw new SseError('SSE_INVALID_FIELD', mustBe('idempotencyKey', '1 to 255 printable ASCII characters', idempotencyKey))
    }
    if (closed) throw new SseError('SSE_CLOSED', 'The hub is closed')
    const history = { ...DEFAULT_HISTORY, ...settingsOf(topic).history }
    // In the order of the calls: those that come before the engine is open wait in a row.
    const appended = tail.isOpen
      ? engine.append(topic, fields, { history, idempotencyKey, transaction })
      : tail.ready.then(() => engine.append(topic, fields, { history, idempotencyKey, transaction }))
    const position = await within(appended, publishTimeout)
    counts.published++
    if (!position) return { id: null }
    // Stored in an epoch that this node hasn't heard of.
    if (position.epoch !== tail.epoch) tail.advance().catch(onError)
    return { id: formatCursor({ ...position, owed: false, scope: '' }) }
  }

  const hub: Hub<unknown, unknown> & Answerer = {
    publish,
    subscribe(topics, options = {}) {
      const interest = interestOf(selectorsOf(topics))
      checkSubscription(options)
      return createSubscription(core, topics, interest, options as unknown as ReaderOptions)
    },
    get lastEventId() {
      if (tail.isOpen) return idOf(tail.settled)
      throw new SseError('SSE_ENGINE', 'The engine is not open yet, so that there is no position: await hub.ready')
    },
    ready: tail.ready,
    fetch: (request) => toResponse(answer(request), request),
    '~answer': (request) => answer(request),
    stats: () => ({ connections: readers.size, topics: ring.topics, ...counts }),
    async close() {
      if (closed) return
      closed = true
      tail.close()
      for (const reader of readers) reader.end()
      await engine.close()
    },
  }
  const answer = createAnswer(hub, () => tail.isOpen && !closed, options)
  return hub
}

function checkSubscription(options: SubscribeOptions<unknown, unknown>): void {
  for (const name of ['filter', 'until', 'snapshot'] as const) {
    const value = options[name]
    if (value !== undefined && typeof value !== 'function') throw new TypeError(mustBe(name, 'a function', value))
  }
  const { lastEventId, from, expiresAt, signal } = options
  if (lastEventId !== undefined && typeof lastEventId !== 'string') throw new TypeError(mustBe('lastEventId', 'a string', lastEventId))
  if (from !== undefined && from !== 'now' && from !== 'earliest') throw new TypeError(mustBe('from', '"now" or "earliest"', from))
  if (expiresAt !== undefined && !(expiresAt instanceof Date && !Number.isNaN(+expiresAt)))
    throw new TypeError(mustBe('expiresAt', 'a Date', expiresAt))
  if (signal !== undefined && typeof (signal as { aborted?: unknown }).aborted !== 'boolean')
    throw new TypeError(mustBe('signal', 'an AbortSignal', signal))
}

async function within<T>(work: Promise<T>, time: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = later(() => {
      reject(
        new SseError(
          'SSE_ENGINE',
          `The store didn't answer within \`publishTimeout\` (${show(time)} ms): the item may be stored; repeat with an \`idempotencyKey\``,
        ),
      )
    }, time)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
