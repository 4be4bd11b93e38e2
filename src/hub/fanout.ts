import type { FeedSink } from '../respond/feed.js'
import { defer } from '../util/turns.js'
import { Batch, idLineOf, type Frame, type IdLine } from './frame.js'
import type { Interest } from './interest.js'

/** What the fan-out needs of a live reader. */
export interface Live {
  /** All of its topics up to here has been handed to it; while it is a member of its group, its group knows. */
  cursor: number
  /** Its place among the members of its group; -1 when it is not among them. */
  slot: number
  readonly group: Group
  /** A reader with a filter, say, takes its frames one by one instead of the group's bytes. */
  readonly isSolo: boolean
  /** Where what all its group's readers get is written. False: it lags. */
  readonly sink: FeedSink
  /** Writes what is its own. False: it lags. */
  writeOwn(frames: readonly Frame[], through: number): boolean
  /** It is no longer live, and reads on from its cursor by itself, when it takes more. */
  fallBack(lagsWith?: Batch): void
  /** What it was to be given can't be written. */
  fail(error: unknown): void
}

/** The readers of one set of topics. */
export interface Group {
  readonly interest: Interest
  /**
   * Those that take the same bytes; a hole where one has left. What a flush needs of them stands in arrays of its own: to fetch thousands
   * of readers from memory, each in another place, is what writing to them would mostly cost.
   */
  members: (Live | undefined)[]
  sinks: (FeedSink | undefined)[]
  cursors: number[]
  /** The last id that its members have been written. */
  lastSeq: number
  /** Of its scope, in the epoch of its last flush. */
  ids: { readonly epoch: string; readonly line: IdLine } | undefined
  /** How many flushes there were. */
  flushes: number
  /** How many bytes have been settled of it. */
  bytes: number
  holes: number
  readonly solos: Set<Live>
  /** What has come since the last flush. */
  pending: Frame[]
  /** Readers, live or not. */
  readers: number
}

export interface FanOut {
  /** The group of an interest, for one more reader. */
  enter(interest: Interest): Group
  /** One reader fewer. */
  exit(group: Group): void
  /** From now on the reader is told of what comes: call it in the turn in which its cursor is what is settled. */
  join(reader: Live): void
  leave(reader: Live): void
  /** Whether everything settled has been written to the reader. */
  isCurrent(reader: Live): boolean
  /** Frames that have been settled, in order. */
  push(frames: readonly Frame[]): void
  /** Sends every live reader back to reading by itself. */
  fallBack(): void
}

interface Flush {
  readonly group: Group
  readonly batch: Batch
  readonly first: number
  readonly through: number
  readonly sinks: readonly (FeedSink | undefined)[]
  readonly count: number
  readonly offset: number
  readonly solos: readonly Live[]
  at: number
}

// How long a turn of the event loop may write, in milliseconds.
const SLICE = 8
const NONE: readonly Live[] = []

/**
 * @param settledNow What is settled when it is asked.
 * @param epochNow The epoch of what is pushed.
 * @param counts Where the items handed to readers are counted.
 */
export function createFanOut(settledNow: () => number, epochNow: () => string, counts: { delivered: number }): FanOut {
  const groups = new Map<string, Group>()
  const byName = new Map<string, Set<Group>>()
  const byPattern = new Set<Group>()
  let dirty: Group[] = []
  let taken = 0
  let flush: Flush | undefined
  let scheduled = false
  let turn = 0

  function indexesOf(interest: Interest): Set<Group>[] {
    return interest.names?.map(indexOf) ?? [byPattern]
  }

  function indexOf(name: string): Set<Group> {
    let index = byName.get(name)
    if (!index) byName.set(name, (index = new Set()))
    return index
  }

  function enter(interest: Interest): Group {
    let group = groups.get(interest.key)
    if (!group) {
      group = {
        interest,
        members: [],
        sinks: [],
        cursors: [],
        lastSeq: 0,
        ids: undefined,
        flushes: 0,
        bytes: 0,
        holes: 0,
        solos: new Set(),
        pending: [],
        readers: 0,
      }
      groups.set(interest.key, group)
      for (const index of indexesOf(interest)) index.add(group)
    }
    group.readers++
    return group
  }

  function exit(group: Group): void {
    if (--group.readers > 0) return
    const { key, names } = group.interest
    groups.delete(key)
    byPattern.delete(group)
    for (const name of names ?? []) {
      byName.get(name)?.delete(group)
      if (byName.get(name)?.size === 0) byName.delete(name)
    }
  }

  function join(reader: Live): void {
    const { group } = reader
    if (reader.isSolo) group.solos.add(reader)
    else {
      reader.slot = group.members.push(reader) - 1
      group.sinks.push(reader.sink)
      group.cursors.push(reader.cursor)
    }
  }

  function leave(reader: Live): void {
    const { group, slot } = reader
    group.solos.delete(reader)
    if (slot < 0) return
    reader.slot = -1
    reader.cursor = Math.max(reader.cursor, group.cursors[slot] as number)
    // A hole, not the last one moved here: a flush may be on its way through.
    group.members[slot] = group.sinks[slot] = undefined
    if (++group.holes === group.members.length) empty(group)
  }

  function push(frames: readonly Frame[]): void {
    for (const frame of frames) {
      const named = byName.get(frame.topic)
      if (named) for (const group of named) add(group, frame)
      for (const group of byPattern) if (group.interest.has(frame.topic)) add(group, frame)
    }
    if (dirty.length > 0) schedule()
  }

  function add(group: Group, frame: Frame): void {
    group.bytes += frame.size
    if (group.members.length === 0 && group.solos.size === 0) return
    if (group.pending.length === 0) dirty.push(group)
    group.pending.push(frame)
  }

  // What comes in one turn of the event loop goes out in one write, and what comes during a flush waits for the next: the cost per item
  // falls as the load rises.
  function schedule(): void {
    if (scheduled) return
    scheduled = true
    defer(run)
  }

  function run(): void {
    scheduled = false
    const end = performance.now() + SLICE
    let written = 0
    for (flush ??= next(); flush; flush = next()) {
      const { count, offset, solos } = flush
      while (flush.at < count + solos.length) {
        const at = flush.at++
        const slot = at < count ? (at + offset) % count : -1
        const { members } = flush.group
        try {
          if (slot < 0) deliverOwn(solos[at - count] as Live, flush)
          else deliver(slot, flush)
        } catch (error) {
          // An item of the store that no formatter takes, say: the end of who follows it, and of nobody else.
          const reader = slot < 0 ? solos[at - count] : members[slot]
          reader?.fail(error)
        }
        if ((++written & 31) === 0 && performance.now() >= end) return schedule()
      }
    }
    dirty = []
    taken = 0
  }

  function next(): Flush | undefined {
    const group = dirty[taken++]
    if (!group) return undefined
    const { pending, solos } = group
    group.pending = []
    if (group.holes * 4 > group.members.length) compact(group)
    const count = group.members.length
    group.flushes++
    group.lastSeq = pending.at(-1)?.seq ?? group.lastSeq
    return {
      group,
      batch: new Batch(pending, idLineFor(group)),
      first: pending[0]?.seq ?? 0,
      through: settledNow(),
      sinks: group.sinks,
      count,
      // Another one is the first each time.
      offset: count > 0 ? (turn += 97) % count : 0,
      solos: solos.size > 0 ? [...solos] : NONE,
      at: 0,
    }
  }

  function idLineFor(group: Group): IdLine {
    const epoch = epochNow()
    if (group.ids?.epoch !== epoch) group.ids = { epoch, line: idLineOf(epoch, group.interest.scope) }
    return group.ids.line
  }

  function deliver(slot: number, flush: Flush): void {
    const { batch, first, through, group, sinks } = flush
    // Emptied and begun anew meanwhile: these are other ones.
    const sink = group.sinks === sinks ? sinks[slot] : undefined
    const cursor = group.cursors[slot] as number
    // Left meanwhile, or come to all of it by itself.
    if (!sink || cursor >= through) return
    if (cursor >= first) return deliverOwn(group.members[slot] as Live, flush)
    group.cursors[slot] = through
    counts.delivered += batch.items
    if (sink.write(batch)) return
    const reader = group.members[slot]
    if (!reader) return
    leave(reader)
    reader.fallBack(batch)
  }

  /** What a reader gets that has some of it already, or that leaves some of it out. */
  function deliverOwn(reader: Live, { batch, through, group }: Flush): void {
    const { slot } = reader
    if (slot < 0 && !group.solos.has(reader)) return
    const cursor = slot < 0 ? reader.cursor : (group.cursors[slot] as number)
    if (cursor >= through) return
    const takesMore = reader.writeOwn(
      batch.frames.filter(({ seq }) => seq > cursor),
      through,
    )
    if (reader.slot >= 0) group.cursors[reader.slot] = through
    if (takesMore) return
    leave(reader)
    reader.fallBack(batch)
  }

  function isCurrent({ group }: Live): boolean {
    return group.pending.length === 0 && flush?.group !== group
  }

  return {
    enter,
    exit,
    join,
    leave,
    isCurrent,
    push,
    fallBack() {
      const settled = settledNow()
      for (const group of groups.values()) {
        const isCurrentGroup = group.pending.length === 0 && flush?.group !== group
        group.pending = []
        for (const reader of [...group.members, ...group.solos]) {
          if (!reader) continue
          leave(reader)
          if (isCurrentGroup) reader.cursor = settled
          reader.fallBack()
        }
      }
      dirty = []
      taken = 0
      flush = undefined
    },
  }
}

function compact(group: Group): void {
  const { members, cursors } = group
  empty(group)
  members.forEach((reader, slot) => {
    if (!reader) return
    reader.slot = group.members.push(reader) - 1
    group.sinks.push(reader.sink)
    group.cursors.push(cursors[slot] as number)
  })
}

/** New arrays: a flush under way has the old ones. */
function empty(group: Group): void {
  group.members = []
  group.sinks = []
  group.cursors = []
  group.holes = 0
}
