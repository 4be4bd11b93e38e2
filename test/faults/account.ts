import { parseCursor } from '../../src/hub/cursor.js'
import type { Gap } from '../../src/protocol/events.js'

/** A publish that was acknowledged. */
export interface Acknowledged {
  readonly topic: string
  readonly data: string
  readonly id: string
}

/** What a reader got, in this order. */
export type Received = { readonly id: string; readonly data: string } | { readonly gap: Gap }

export interface Reading {
  readonly name: string
  readonly topics: readonly string[]
  readonly received: readonly Received[]
}

export interface Books {
  readonly acknowledged: readonly Acknowledged[]
  /** The data of publishes that failed as not stored. */
  readonly refused: readonly string[]
}

export interface Terms {
  /** How many gaps each reader must have been told of: of this reason, where one is given. `any`: that hangs on what the broker throws away. */
  readonly gaps: number | 'any' | ((reader: string) => number)
  readonly reason?: Gap['reason']
  /** Acknowledged, and then lost by the broker, of which nothing is told to who hasn't seen it. */
  readonly isLost?: (item: Acknowledged) => boolean
  /** Whether what was stored and lost may have been published again since: then the same data comes with another id. */
  readonly isLossy?: boolean
}

export interface Summary {
  readonly acknowledged: number
  readonly refused: number
  /** Over all readers. */
  readonly delivered: number
  /** Over all readers. */
  readonly gaps: number
}

export interface Position {
  readonly epoch: string
  readonly seq: number
}

/** @throws {Error} for an id that is none of a hub's. */
export function positionOf(id: string): Position {
  const cursor = parseCursor(id)
  if (!cursor) throw new Error(`${JSON.stringify(id)} is no id of a hub`)
  return { epoch: cursor.epoch, seq: cursor.seq }
}

/**
 * Settles the account of every item: each acknowledged one must have come to each reader of its topic exactly once, in order and under its
 * id, or a gap must have named it; what was refused must never have come; and there were no more gaps, and no fewer, than the fault explains.
 *
 * @throws {Error} with the reader's name and the items.
 */
export function settleAccount({ acknowledged, refused }: Books, readings: readonly Reading[], terms: Terms): Summary {
  const stored = new Map<string, Acknowledged>()
  for (const item of acknowledged) {
    const id = nameOf(positionOf(item.id))
    const other = stored.get(id)
    if (other) throw new Error(`The id ${id} was given to ${other.data} and to ${item.data}`)
    stored.set(id, item)
  }
  const never = new Set(refused)
  for (const reading of readings) settleReading(reading, { acknowledged, stored, never, terms })
  sameContent(readings)
  const all = readings.flatMap(({ received }) => received)
  const gaps = all.filter((one) => 'gap' in one).length
  return { acknowledged: acknowledged.length, refused: refused.length, delivered: all.length - gaps, gaps }
}

interface Known {
  readonly acknowledged: readonly Acknowledged[]
  readonly stored: ReadonlyMap<string, Acknowledged>
  readonly never: ReadonlySet<string>
  readonly terms: Terms
}

function settleReading({ name, topics, received }: Reading, { acknowledged, stored, never, terms }: Known): void {
  const fail = (message: string): never => {
    throw new Error(`${name} (${topics.join(', ')}): ${message}`)
  }
  const gaps: Gap[] = []
  const ids = new Map<string, string>()
  const data = new Set<string>()
  let last: Position | undefined
  for (const one of received) {
    if ('gap' in one) {
      gaps.push(one.gap)
      continue
    }
    const position = positionOf(one.id)
    const id = nameOf(position)
    if (last && position.epoch === last.epoch && position.seq <= last.seq) fail(`${id} came after ${nameOf(last)}`)
    if (ids.has(id)) fail(`${id} came twice`)
    if (data.has(one.data) && !terms.isLossy) fail(`${one.data} came twice, the second time as ${id}`)
    if (never.has(one.data)) fail(`${one.data} came, though its publish was refused as not stored`)
    const item = stored.get(id)
    if (item ? item.data !== one.data : !terms.isLossy) fail(`${one.data} came as ${id}, which is ${item?.data ?? 'no acknowledged item'}`)
    if (item && !topics.includes(item.topic)) fail(`${one.data} came, of a topic that isn't followed`)
    ids.set(id, one.data)
    data.add(one.data)
    last = position
  }

  const due = acknowledged.filter(({ topic }) => topics.includes(topic))
  const epochs = [...new Set(acknowledged.map(({ id }) => positionOf(id).epoch))]
  const isTold = (item: Acknowledged): boolean => gaps.some((gap) => names(gap, item, epochs))
  const silent = due.filter((item) => !ids.has(nameOf(positionOf(item.id))) && !isTold(item) && !terms.isLost?.(item))
  if (silent.length > 0) {
    const items = silent.map(({ id, data }) => `${short(data)} (${id})`).join(', ')
    fail(`neither got nor was told of ${items}; its gaps are ${JSON.stringify(gaps)}, the epochs ${epochs.join(', ')}`)
  }
  // With several topics, a gap ends where the last of them begins again.
  const both = topics.length > 1 ? [] : due.filter((item) => ids.has(nameOf(positionOf(item.id))) && isTold(item))
  if (both.length > 0) fail(`was told to miss, and has got, ${both.map(({ data }) => short(data)).join(', ')}`)

  const expected = typeof terms.gaps === 'function' ? terms.gaps(name) : terms.gaps
  if (expected !== 'any' && gaps.length !== expected) fail(`was told of ${gaps.length} gaps, not ${expected}: ${JSON.stringify(gaps)}`)
  const other = gaps.find(({ reason }) => terms.reason !== undefined && reason !== terms.reason)
  if (other) fail(`was told of a gap for the reason ${other.reason}, not ${terms.reason}`)
}

/** Whether a gap says that an item is missed; `epochs` in their order. */
function names({ topics, from, to }: Gap, { topic, id }: Acknowledged, epochs: readonly string[]): boolean {
  if (!topics.includes(topic)) return false
  const [start, end, { epoch, seq }] = [parseCursor(from), positionOf(to), positionOf(id)]
  const isAfter = epoch !== start?.epoch || seq > start.seq
  const isBefore = epoch !== end.epoch || seq <= end.seq
  if (epoch === start?.epoch || epoch === end.epoch) return isAfter && isBefore
  // Of one in between the reader has heard nothing.
  const [at, last] = [epochs.indexOf(epoch), epochs.indexOf(end.epoch)]
  return start?.epoch !== end.epoch && epochs.indexOf(start?.epoch ?? '') < at && (last < 0 || at < last)
}

/** An id is one item, whoever has got it: also what was never acknowledged, or is lost by now. */
function sameContent(readings: readonly Reading[]): void {
  const contents = new Map<string, { readonly data: string; readonly name: string }>()
  for (const { name, received } of readings) {
    for (const one of received) {
      if ('gap' in one) continue
      const id = nameOf(positionOf(one.id))
      const other = contents.get(id)
      if (other && other.data !== one.data) throw new Error(`${id} came as ${other.data} to ${other.name}, as ${one.data} to ${name}`)
      contents.set(id, { data: one.data, name })
    }
  }
}

function short(data: string): string {
  return data.slice(0, 40)
}

/** Without the scope: one for all readers. */
function nameOf({ epoch, seq }: Position): string {
  return `${epoch}-${seq}`
}
