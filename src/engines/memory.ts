import { SseError } from '../errors.js'
import type { Opt } from '../protocol/item.js'
import { isPattern, type Selector } from '../protocol/topic.js'
import { byteLength, hashOf, randomName } from '../util/text.js'
import { createTopicLog } from '../util/topic-log.js'
import type { AppendOptions, Appended, Engine, History, Page, ReadOptions, StoredItem } from './engine.js'
import { createWatchers } from './watchers.js'

export interface MemoryOptions extends Opt<{
  /** How much all topics together may hold, in bytes; beyond it the oldest items of all are dropped. @default 268_435_456 (256 MiB) */
  maxBytes: number
  /** How many topics are remembered; beyond it those without items are forgotten. @default 100_000 */
  maxTopics: number
  /** For how many milliseconds an idempotency key is remembered. @default 600_000 (10 minutes) */
  idempotencyWindow: number
}> {}

interface Entry extends StoredItem {
  readonly bytes: number
}

interface Topic {
  head: number
  items: number
  bytes: number
  history: History
}

interface Key {
  readonly appended: Appended
  readonly hash: number
  readonly at: number
}

// What an item or a key costs beside its data: objects, a place in two arrays.
const OVERHEAD = 256

// A pattern that matches few topics merges theirs; one that matches many reads the whole log.
const FEW = 64

/** Keeps everything in this process's memory: gone when it ends, and the next one begins a new epoch. */
export function memoryEngine({ maxBytes = 256 * 2 ** 20, maxTopics = 100_000, idempotencyWindow = 600_000 }: MemoryOptions = {}): Engine {
  for (const [name, value] of Object.entries({ maxBytes, maxTopics, idempotencyWindow })) {
    if (!(typeof value === 'number' && value >= 0)) throw new TypeError(`\`${name}\` must be a number >= 0: ${String(value)}`)
  }
  const epoch = randomName(10)
  const log = createTopicLog<Entry>()
  const topics = new Map<string, Topic>()
  // In the order of their time, so that the old ones are the first.
  const keys = new Map<string, Key>()
  const watchers = createWatchers()
  let head = 0
  let floor = 0
  let held = 0
  let closed = false

  function append(topic: string, { data, event }: StoredItem['fields'], { history, idempotencyKey }: AppendOptions): Appended {
    const now = Date.now()
    forgetKeys(now)
    // Neither a name nor an event type has a line break.
    const key = idempotencyKey === undefined ? undefined : `${topic}\n${idempotencyKey}`
    const hash = key === undefined ? 0 : hashOf(`${event ?? ''}\n${data}`)
    const known = key === undefined ? undefined : keys.get(key)
    if (known) {
      if (known.hash === hash) return known.appended
      throw new SseError(
        'SSE_CONFLICT',
        `\`idempotencyKey\` ${JSON.stringify(idempotencyKey)} was used in ${topic} for another item: repeat with the same data, or use a new key`,
      )
    }

    const state = topicOf(topic)
    state.history = history
    const bytes = byteLength(data)
    const fields = event === undefined ? { data } : { data, event }
    const entry: Entry = { seq: ++head, prev: state.head, topic, fields, at: now, bytes }
    state.head = head
    state.items++
    state.bytes += bytes
    held += bytes + OVERHEAD
    log.add(entry)
    trim(topic, state, now)
    while (held > maxBytes && log.size > 0) dropOldest()
    const appended = { epoch, seq: entry.seq, prev: entry.prev }
    if (key !== undefined) {
      keys.set(key, { appended, hash, at: now })
      held += OVERHEAD
    }
    watchers.tell([entry])
    return appended
  }

  function topicOf(name: string): Topic {
    let state = topics.get(name)
    if (!state) {
      if (topics.size >= maxTopics) forgetTopics()
      // One that was forgotten and is born again must not look as if it had had no items.
      topics.set(name, (state = { head: floor, items: 0, bytes: 0, history: {} }))
    }
    return state
  }

  /** Drops what the topic's history doesn't keep. */
  function trim(name: string, state: Topic, now: number): void {
    const { size = Infinity, age = Infinity, bytes = Infinity } = state.history
    while (state.items > 0 && (state.items > size || state.bytes > bytes || isOlder(log.oldest(name), now - age))) dropOldest(name)
  }

  function dropOldest(name?: string): void {
    const entry = log.drop(name)
    const state = entry && topics.get(entry.topic)
    if (!state) return
    state.items--
    state.bytes -= entry.bytes
    held -= entry.bytes + OVERHEAD
  }

  function forgetTopics(): void {
    for (const [name, state] of topics) {
      if (state.items > 0) continue
      floor = Math.max(floor, state.head)
      topics.delete(name)
    }
  }

  function forgetKeys(now: number): void {
    for (const [key, { at }] of keys) {
      // With no item left to drop, keys are what fills the memory.
      if (at > now - idempotencyWindow && (held <= maxBytes || log.size > 0)) return
      keys.delete(key)
      held -= OVERHEAD
    }
  }

  function read(selectors: readonly Selector[], after: number, { upTo = Infinity, limit, bytes }: ReadOptions): Page {
    const now = Date.now()
    const { names, trimmed } = expand(selectors, now)
    const end = Math.min(upTo, head)
    const items: StoredItem[] = []
    let through = end
    let size = 0
    const wanted = names.size > FEW ? log.all(after) : log.ofTopics([...names], after)
    for (const entry of wanted) {
      if (entry.seq > end) break
      if (!names.has(entry.topic)) continue
      if (items.length >= limit || (items.length > 0 && size + entry.bytes > bytes)) {
        through = items.at(-1)?.seq ?? Math.min(after, end)
        break
      }
      items.push(entry)
      size += entry.bytes
    }
    return { epoch, head, through, items, trimmed }
  }

  /** The known topics that are selected, what has expired in them dropped, and the highest seq that was dropped of any. */
  function expand(selectors: readonly Selector[], now: number): { names: Set<string>; trimmed: number } {
    const names = new Set<string>()
    let trimmed = 0
    for (const selector of selectors) {
      if (isPattern(selector)) {
        for (const name of topics.keys()) if (selector.matches(name)) names.add(name)
        trimmed = Math.max(trimmed, floor)
      } else if (topics.has(selector)) names.add(selector)
      else trimmed = Math.max(trimmed, floor)
    }
    for (const name of names) {
      const state = topics.get(name) as Topic
      trim(name, state, now)
      trimmed = Math.max(trimmed, log.oldest(name)?.prev ?? state.head)
    }
    return { names, trimmed }
  }

  /** What an engine does when it is asked; `async`, so that what it throws rejects. */
  async function open<T>(work: () => T): Promise<T> {
    if (closed) throw new SseError('SSE_CLOSED', 'The memory engine is closed')
    return work()
  }

  return {
    supports: { durable: false, shared: false, transactions: false },
    get opened() {
      return { epoch, head }
    },
    open: () => open(() => ({ epoch, head })),
    append: (topic, fields, options) => open(() => append(topic, fields, options)),
    read: (selectors, after, options) => open(() => read(selectors, after, options)),
    topics: (selectors) => open(() => [...expand(selectors, Date.now()).names]),
    watch: watchers.watch,
    async close() {
      closed = true
      watchers.clear()
      log.clear()
    },
  }
}

function isOlder(entry: Entry | undefined, than: number): boolean {
  return entry !== undefined && entry.at < than
}
