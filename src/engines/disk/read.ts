import { isPattern, type Pattern, type Selector } from '../../protocol/topic.js'
import type { Page, ReadOptions, StoredItem } from '../engine.js'
import { atOf, decodeItem, decodeTopic, prevOf, sizeOf, type Topic } from './records.js'
import type { Store } from './store.js'

interface Place {
  readonly topic: string
  readonly seq: number
}

// So many topics are merged at once; with more, the log is read first, as far as that pays.
const FEW = 32
const SCAN = 4096

/** All within one turn of the event loop, in which LMDB shows one moment. */
export function readPage(store: Store, selectors: readonly Selector[], after: number, options: ReadOptions): Page {
  const { upTo = Infinity, limit, bytes } = options
  store.renew()
  const { epoch, head, floor } = store.position()
  const found = topicsOf(store, selectors)
  const unknown = selectors.some((one) => isPattern(one) || !found.has(one))
  const end = Math.min(upTo, head)
  let trimmed = unknown ? floor : 0
  // Where each topic that has something begins.
  const starts = new Map<string, number>()
  const now = Date.now()
  for (const [name, topic] of found) {
    const dropped = trimmedOf(store, name, topic, now)
    trimmed = Math.max(trimmed, dropped)
    if (topic.head > Math.max(after, dropped)) starts.set(name, Math.max(after, dropped) + 1)
  }

  const items: StoredItem[] = []
  let through = end
  let size = 0
  for (const { topic, seq } of places(store, starts, after, end)) {
    const record = store.items.getBinary([topic, seq])
    if (record === undefined) continue
    if (items.length >= limit || (items.length > 0 && size + sizeOf(record) > bytes)) {
      through = items.at(-1)?.seq ?? Math.min(after, end)
      break
    }
    items.push(decodeItem(topic, seq, record))
    size += sizeOf(record)
  }
  return { epoch, head, through, items, trimmed }
}

/** The known topics that are selected. */
export function topicsOf(store: Store, selectors: readonly Selector[]): Map<string, Topic> {
  const found = new Map<string, Topic>()
  for (const selector of selectors) {
    if (isPattern(selector)) {
      for (const [name, topic] of matching(store, selector)) found.set(name, topic)
    } else {
      const record = store.topics.getBinary(selector)
      if (record) found.set(selector, decodeTopic(record))
    }
  }
  return found
}

function* matching(store: Store, pattern: Pattern): Iterable<[string, Topic]> {
  const [prefix = ''] = pattern.text.split('*', 1)
  // Names are ASCII: no name with this prefix is behind it.
  const range = prefix === '' ? {} : { start: prefix, end: `${prefix}\x7f` }
  for (const { key, value } of store.topics.getRange(range)) {
    if (pattern.matches(key as string)) yield [key as string, decodeTopic(value)]
  }
}

/** `prev` of the oldest item that is kept and not too old; the topic's head if there is none. */
function trimmedOf(store: Store, name: string, topic: Topic, now: number): number {
  const oldest = now - topic.history.age
  if (topic.count === 0 || topic.at < oldest) return topic.head
  if (topic.oldestAt >= oldest) return topic.oldestPrev
  return firstSince(store, name, topic, oldest)
}

/** By halves: a topic that was silent while much of it grew old is not read through. */
function firstSince(store: Store, name: string, topic: Topic, time: number): number {
  let trimmed = topic.head
  let from = topic.oldest
  let to = topic.head
  while (from <= to) {
    const middle = from + Math.floor((to - from) / 2)
    const entry = firstOf(store, name, middle, to)
    if (entry === undefined) {
      to = middle - 1
    } else if (atOf(entry.value) >= time) {
      trimmed = prevOf(entry.value)
      to = middle - 1
    } else {
      from = entry.seq + 1
    }
  }
  return trimmed
}

function firstOf(store: Store, name: string, from: number, to: number): { seq: number; value: Buffer } | undefined {
  for (const { key, value } of store.items.getRange({ start: [name, from], end: [name, to + 1], limit: 1 })) {
    return { seq: (key as [string, number])[1], value }
  }
  return undefined
}

/** Where the items of these topics are, by `seq`. */
function* places(store: Store, starts: ReadonlyMap<string, number>, after: number, end: number): Iterable<Place> {
  let from = after + 1
  if (starts.size > FEW) {
    let left = SCAN + starts.size
    for (const { key, value } of store.log.getRange({ start: from, end: end + 1 })) {
      // What is selected may be far between; the topics themselves know where.
      if (left-- === 0) break
      const seq = key as number
      const topic = value.toString('latin1')
      from = seq + 1
      if (seq >= (starts.get(topic) ?? Infinity)) yield { topic, seq }
    }
    if (left >= 0) return
  }
  yield* merged([...starts].map(([topic, start]) => seqsOf(store, topic, Math.max(start, from), end)))
}

function* seqsOf(store: Store, topic: string, from: number, end: number): Generator<Place, void> {
  for (const key of store.items.getKeys({ start: [topic, from], end: [topic, end + 1] })) {
    yield { topic, seq: (key as [string, number])[1] }
  }
}

interface Lane {
  place: Place
  readonly rest: Generator<Place, void>
}

/** A heap of lanes by their next `seq`. */
function* merged(generators: readonly Generator<Place, void>[]): Iterable<Place> {
  const lanes: Lane[] = []
  try {
    for (const rest of generators) {
      const { value } = rest.next()
      if (value) lanes.push({ place: value, rest })
    }
    lanes.sort((a, b) => a.place.seq - b.place.seq)
    for (let lane = lanes[0]; lane; lane = lanes[0]) {
      yield lane.place
      const { value } = lane.rest.next()
      if (value) lane.place = value
      else {
        const last = lanes.pop() as Lane
        if (lanes.length === 0) return
        lanes[0] = last
      }
      sink(lanes)
    }
  } finally {
    for (const { rest } of lanes) rest.return()
  }
}

function sink(lanes: Lane[]): void {
  const lane = lanes[0] as Lane
  let at = 0
  for (;;) {
    const left = 2 * at + 1
    const child = seqAt(lanes, left + 1) < seqAt(lanes, left) ? left + 1 : left
    if (seqAt(lanes, child) >= lane.place.seq) break
    lanes[at] = lanes[child] as Lane
    at = child
  }
  lanes[at] = lane
}

function seqAt(lanes: readonly Lane[], at: number): number {
  return lanes[at]?.place.seq ?? Infinity
}
