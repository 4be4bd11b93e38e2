import { memoryEngine } from '../engines/memory.js'
import { SseError } from '../errors.js'
import type { Events, Gap, ItemOf } from '../protocol/events.js'
import { mustBe } from '../protocol/fields.js'
import type { SseItem } from '../protocol/item.js'
import { selectorsOf, type Topics } from '../protocol/topic.js'
import type { Answerer } from '../respond/answer.js'
import { createTurns } from '../util/turns.js'
import type { Core } from './core.js'
import { formatCursor } from './cursor.js'
import { createDrain, type Drain } from './drain.js'
import { createFanOut, type FanOut } from './fanout.js'
import { createFollows, type Follows } from './follows.js'
import { createAnswer, toResponse, type HubState } from './http/http.js'
import { interestOf } from './interest.js'
import { itemsOf } from './items.js'
import { createLaggards } from './laggards.js'
import { createLog } from './log.js'
import { createNeighbours } from './neighbours.js'
import { checkLimits, checkNumber, settingsByTopic, type HubOptions } from './options.js'
import { createPages } from './pages.js'
import { createPublisher, type PublishOptions } from './publish.js'
import type { Reader, ReaderOptions } from './reader.js'
import { createRevocations } from './revocations.js'
import { createRing } from './ring.js'
import { createSilences } from './silences.js'
import { createSnapshots } from './snapshots.js'
import { sum, type Stats } from './stats.js'
import { createSubscription, type SubscribeOptions, type Subscription } from './subscription.js'
import { createTail } from './tail.js'

export interface Hub<D = unknown, I = SseItem<string>> {
  /**
   * Resolves when the engine holds the item: what it then survives is the engine's word.
   *
   * @throws {SseError} SSE_INVALID_TOPIC, SSE_INVALID_FIELD (also for an item with an `id`: the hub gives it), SSE_INVALID_DATA (also
   * when it is larger than `limits.itemBytes`), SSE_CONFLICT for a key that was used with other data, SSE_ENGINE when the item is *not
   * stored*, SSE_MAYBE_STORED when that can't be known, as when the store takes longer than `publishTimeout`: repeat it with the same
   * `idempotencyKey`; SSE_CLOSED.
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
  /** Figures of all nodes together: those of the others are a second or two old. Counts begin with the nodes that there are. */
  stats(): Stats
  /**
   * Ends all subscriptions of a principal at once; nothing published after it reaches them. Clients come back, and `authorize` is asked
   * again, as it is for requests that are on their way: change what it goes by first. Other nodes hear of it a moment later, or when the
   * store is back, if that is within 10 minutes.
   */
  revoke(principal: string): void
  /**
   * Goes away without a rush: new streams over HTTP are refused with 503, those that there are end one after the other, spread evenly over
   * so many milliseconds, and their clients come back spread, too. What is published meanwhile is stored and sent. Then it closes.
   *
   * @param options `beforeClose` is called when all of them have been sent away, and awaited: a server that is closed in it has its last
   * publishes answered by a hub that is still there. What the first call says holds.
   */
  drain(options: { readonly within: number; readonly beforeClose?: (() => Promise<void>) | undefined }): Promise<void>
  /** Ends all subscriptions and closes the engine, now; also while it drains. */
  close(): Promise<void>
}

const SLOW = ['replay', 'latest', 'disconnect']
const RING_BYTES = 8 * 2 ** 20
const LAGGARDS_SLICE = 4
// What readers that have stalled may hold together.
const STALLED_BYTES = 64 * 2 ** 20

/** Topics with history, for any number of readers: see docs/hub.md. @throws {TypeError} for an option of the wrong type. */
export function createHub<O, N>(
  options: HubOptions<ItemOf<Events<O, N>>, ItemOf<Events<O, N>> | SseItem<Gap, 'gap'>> & { events: Events<O, N> },
): Hub<ItemOf<Events<O, N>>, ItemOf<Events<O, N>> | SseItem<Gap, 'gap'>>
export function createHub(options?: HubOptions<unknown, SseItem<string>> & { events?: undefined }): Hub
// oxlint-disable-next-line typescript/no-explicit-any -- it stands for both
export function createHub(options: HubOptions<any, any> & { events?: object | undefined } = {}): Hub<any, any> {
  const { engine = memoryEngine(), onError = console.error, events, whenSlow = 'replay', stallTimeout = 30_000, maxAge = 0 } = options
  // Everybody else is told of what is behind a gap, or reads it.
  const { maxLag = whenSlow === 'disconnect' ? 2 ** 20 : Infinity, publishTimeout, limits = {} } = options
  for (const [name, value] of Object.entries({ publishTimeout, maxLag, stallTimeout, maxAge })) checkNumber(name, value)
  checkLimits(limits)
  if (!SLOW.includes(whenSlow)) throw new TypeError(mustBe('whenSlow', SLOW.join(', '), whenSlow))
  const settingsOf = settingsByTopic(options.topics)
  const toItem = itemsOf(events)
  const idOf = (seq: number, scope = ''): string => formatCursor({ epoch: tail.epoch, seq, owed: false, scope })
  let closed = false
  let isUnusable = false
  let closing: Promise<void> | undefined
  let draining: Drain | undefined
  let drained: Promise<void> | undefined

  const ring = createRing(RING_BYTES)
  const counts = { published: 0, delivered: 0, gaps: 0 }
  const follows = createFollows(engine, () => tail.settled)
  const fanOut = following(
    createFanOut(
      () => tail.settled,
      () => tail.epoch,
      counts,
    ),
    follows,
  )
  const log = createLog(engine, (error) => closed || onError(error))
  const readers = new Set<Reader>()
  const revocations = createRevocations()
  const neighbours = createNeighbours({ nodes: engine.nodes, own: ownStats, onRevoke: revoke, onError })
  const tail = createTail(
    { engine, read: log.read, ring, follows },
    { onOpen: () => neighbours.open(), onFrames: fanOut.push, onLost: fanOut.fallBack, onReset: fanOut.fallBack, onError },
  )
  const publisher = createPublisher({ engine, tail, settingsOf, toItem, counts, publishTimeout, itemBytes: limits.itemBytes, onError })
  const core: Core = {
    log: log.forReaders,
    follows,
    tail,
    ring,
    pages: createPages(log.forReaders, () => tail.settled),
    fanOut,
    snapshots: createSnapshots(() => tail, publisher.fieldsOf),
    turns: createTurns(LAGGARDS_SLICE),
    readers,
    silences: createSilences(),
    laggards: createLaggards({ stallTimeout, budget: STALLED_BYTES, maxLag: whenSlow === 'disconnect' ? maxLag : Infinity }),
    whenSlow,
    maxLag,
    maxAge: maxAge === 0 ? Infinity : maxAge,
    keyOf: ({ topic, fields }) => publisher.keyOf(topic, fields ?? { data: '' }),
    counts,
    snapshotOf: (topic) => settingsOf(topic).snapshot,
    hasSnapshots: Object.values(options.topics ?? {}).some(({ snapshot }) => snapshot !== undefined),
    toItem,
    get isClosed() {
      return closed
    },
  }

  const answerTo: Answerer['~answer'] = (request, address) => answer(request, address)
  const hub: Hub<unknown, unknown> & Answerer = {
    publish: publisher.publish,
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
    fetch: (request) => toResponse(answerTo(request), request),
    '~answer': answerTo,
    stats: () => sum(ownStats(), neighbours.stats),
    revoke(principal) {
      revoke(principal)
      neighbours.revoke(principal)
    },
    drain({ within, beforeClose }) {
      if (!(within >= 0)) throw new TypeError(mustBe('within', 'a number >= 0', within))
      return (drained ??= drain(within, beforeClose))
    },
    close: () => (closing ??= close()),
  }
  tail.ready.catch(() => (isUnusable = true))
  const answer = createAnswer(
    {
      hub,
      state,
      connections: () => readers.size,
      nodes: () => (tail.isOpen && !engine.isAway ? engine.nodes : undefined),
      isDraining: () => draining !== undefined,
      revocations,
    },
    options,
  )
  return hub

  function ownStats(): Stats {
    return { connections: readers.size, topics: ring.topics, ...counts, nodes: 1 }
  }

  /** Those of this node. */
  function revoke(principal: string): void {
    revocations.revoke(principal)
    for (const reader of readers) if (reader.options.principal === principal) reader.cut()
  }

  function state(): HubState {
    if (closed || isUnusable) return 'closed'
    if (!tail.isOpen) return 'opening'
    return engine.isAway || tail.isFailing || log.isFailing ? 'degraded' : 'open'
  }

  async function drain(within: number, beforeClose: (() => Promise<void>) | undefined): Promise<void> {
    // Those of the application's own routes that begin from now on end with the close.
    if (!closed) {
      draining = createDrain(
        [...readers].filter((reader) => reader.isConnection),
        within,
      )
      await draining.done
    }
    try {
      if (!closed) await beforeClose?.()
    } finally {
      await hub.close()
    }
  }

  async function close(): Promise<void> {
    closed = true
    draining?.stop()
    await publisher.close()
    tail.close()
    neighbours.close()
    core.laggards.close()
    for (const reader of readers) reader.end()
    await engine.close()
  }
}

/** A fan-out whose groups, while they have readers, are what is followed. */
function following(fanOut: FanOut, follows: Follows): FanOut {
  if (!follows.isPartial) return fanOut
  return {
    ...fanOut,
    enter(interest) {
      const group = fanOut.enter(interest)
      if (group.readers === 1) follows.enter(interest)
      return group
    },
    exit(group) {
      fanOut.exit(group)
      if (group.readers === 0) follows.exit(group.interest)
    },
  }
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
