import type { StoredItem } from '../../src/engines/engine.js'
import { parseCursor } from '../../src/hub/cursor.js'
import type { Gap } from '../../src/protocol/events.js'
import { selects, type Selector } from '../../src/protocol/topic.js'
import { selected, type Store } from './faulty-engine.js'

/** One block of a stream, or one item of a loop. */
export interface Block {
  readonly id?: string | undefined
  readonly event?: string | undefined
  readonly data?: string | undefined
}

/** What a snapshot of these tests says: everything of the topic up to here is in it. */
interface State {
  readonly topic: string
  readonly epoch: number
  readonly seq: number
}

export interface JudgeOptions {
  readonly store: Store
  readonly selectors: readonly Selector[]
  /** The last event ID that the connection was opened with. */
  readonly given: string
  /** A loop isn't given the blocks that only move the cursor. */
  readonly isLoop?: boolean
  readonly filter?: ((data: string) => boolean) | undefined
  /** Which topics have snapshots. */
  readonly hasSnapshot?: (topic: string) => boolean
  /** Snapshots name the position that they reflect: then the value never steps back. */
  readonly snapshotsHaveIds?: boolean
  /** The set of topics is another than that of the session which earned the id. */
  readonly isOtherSet?: boolean
  /** Whether topics may have been forgotten, so that the log can't tell whether they had something. */
  readonly forgets?: boolean
  readonly fromEarliest?: boolean
  /** Reads may come from a replica that is behind: then it can't be told from a position of the future. */
  readonly isBehind?: boolean
  /** Slow readers miss something. */
  readonly mayDrop?: boolean
}

export interface Judge {
  /** @throws {Error} for what breaks a law. */
  take(block: Block): Promise<void>
  /** The connection is at rest: it must have everything. */
  complete(): Promise<void>
  /** What the client would come back with. */
  readonly lastId: string
  readonly blocks: readonly Block[]
  readonly gaps: readonly Gap[]
  /** The data of the items. */
  readonly items: readonly string[]
}

/** Watches one connection, and knows what it must have got: from the record of all that was ever stored. */
export function createJudge(options: JudgeOptions): Judge {
  const { store, selectors, given, isLoop = false, filter, hasSnapshot = () => false, snapshotsHaveIds = false } = options
  let epoch: string | undefined
  // Everything after this must come.
  let start = 0
  // The last id.
  let at = -1
  // In the record: all before that has been looked at.
  let next = 0
  let isFirst = true
  let isFresh = given === ''
  let lastId = given
  const delivered = new Set<number>()
  const verified = new Set<number>()
  let told: { readonly selectors: readonly Selector[]; readonly from: number; readonly to: number; readonly isDropped?: boolean }[] = []
  let states = new Map<string, State>()
  const gaps: Gap[] = []
  const items: string[] = []
  const blocks: Block[] = []

  function fail(message: string): never {
    throw new Error(
      `${message}\n  topics ${selectors.join()}, opened with ${JSON.stringify(given)}\n  ${blocks
        .slice(-30)
        .map((block) => JSON.stringify(block))
        .join('\n  ')}`,
    )
  }

  if (isLoop && given !== '') enter(given)

  function enter(id: string): void {
    const cursor = parseCursor(id)
    epoch = cursor?.epoch ?? '?'
    start = at = cursor?.seq ?? 0
  }

  const indexOf = (name: string | undefined): number => store.epochs.findIndex((one) => one.epoch === name)

  async function take(block: Block): Promise<void> {
    blocks.push(block)
    const wasFirst = isFirst
    isFirst = false
    if (wasFirst && !isLoop) first(block)
    else if (block.event === 'gap') await gap(block)
    else if (block.event === 'snapshot') snapshot(block)
    else if (block.data === undefined) await idOnly(block)
    else await item(block)
    if (block.id !== undefined) lastId = block.id
  }

  function first({ id, data }: Block): void {
    if (id === undefined || data !== undefined) fail('The first block must only move the cursor')
    if (given !== '' && id !== given) fail('A reader that comes back must be told its own position first')
    enter(id)
    const cursor = parseCursor(id)
    isFresh ||= cursor?.owed === true
    if (given !== '') return
    if (!cursor?.owed && !options.fromEarliest) owed()
    const known = store.epochs[indexOf(epoch)]
    if (!known || !cursor || cursor.seq > known.items.length) fail('A new reader begins at a position that there is not')
  }

  async function gap({ id, data = '' }: Block): Promise<void> {
    if (id !== undefined) fail('A gap must not move the cursor')
    const gap = JSON.parse(data) as Gap
    gaps.push(gap)
    const from = parseCursor(gap.from)
    const to = parseCursor(gap.to)
    if (!to) fail('A gap must end at a position')
    if (gap.reason === 'expired') return expired(gap, from?.epoch, from?.seq ?? -1, to.epoch, to.seq)
    if (gap.topics.join() !== selectors.map(String).join()) fail('A gap between sessions is one of all topics')
    if (gap.reason === 'dropped') return dropped(gap, from?.epoch, from?.seq ?? -1, to.epoch, to.seq)
    if (isLoop ? from && from.seq < at : gap.from !== lastId) fail('A gap must begin where the reader was')
    const index = indexOf(to.epoch)
    if (index < 0) fail('A gap must end in an epoch of the store')
    if (gap.reason === 'epoch') {
      if (!from || indexOf(from.epoch) >= index) fail('A gap for a new epoch must come from an older one')
    } else if (gap.reason === 'topics') {
      if (!options.isOtherSet) fail('The set of topics is the one that earned the id')
    } else if (
      !options.isBehind &&
      from &&
      indexOf(from.epoch) >= 0 &&
      from.seq <= (store.epochs[indexOf(from.epoch)]?.items.length ?? 0)
    ) {
      fail('The log has this position')
    }
    epoch = to.epoch
    start = at = to.seq
    isFresh = true
    told = []
    states = new Map()
    delivered.clear()
    verified.clear()
    next = 0
  }

  async function expired(gap: Gap, fromEpoch: string | undefined, from: number, toEpoch: string, to: number): Promise<void> {
    if (fromEpoch !== epoch || toEpoch !== epoch) fail('A gap for what expired is within one epoch')
    if (from < at || to <= from) fail(`A gap must begin at the cursor and go on: ${from} to ${to} at ${at}`)
    // Where it begins, everything has been read.
    await covered(from)
    const lost = selectors.filter((one) => gap.topics.includes(String(one)))
    if (lost.length !== gap.topics.length || lost.length === 0) fail('A gap names topics that nobody asked for')
    let isExact = false
    for (const selector of lost) {
      if (epoch !== store.epoch) return void told.push({ selectors: lost, from, to })
      const missing = await unheld(inEpoch([selector]).filter(({ seq }) => seq > from && seq <= to))
      if (missing.length === 0 && !options.forgets) fail(`The log has everything of ${String(selector)} in the gap`)
      const trimmed = await store.trimmed(selector)
      if (trimmed <= from) fail(`The log says nothing of ${String(selector)} was dropped after ${from}`)
      isExact ||= trimmed >= to && (options.forgets === true || missing.some(({ seq }) => seq === to))
    }
    if (!isExact) fail('A gap must end with the last item that was dropped')
    told.push({ selectors: lost, from, to })
  }

  /** It was too slow: what it has missed may be there all the same. */
  async function dropped(gap: Gap, fromEpoch: string | undefined, from: number, toEpoch: string, to: number): Promise<void> {
    if (!options.mayDrop) fail('Nobody said that slow readers miss something')
    if (fromEpoch !== epoch || toEpoch !== epoch || from < at || to <= from) fail('A gap of a slow reader goes from its cursor on')
    await covered(from)
    told.push({ selectors, from, to, isDropped: true })
  }

  function snapshot({ id, data = '' }: Block): void {
    if (id !== undefined) fail('A snapshot must not move the cursor')
    const state = JSON.parse(data) as State
    if (!selects(selectors, state.topic)) fail('A snapshot of a topic that nobody asked for')
    // What was missed before it is in it.
    const missed = Math.max(0, ...told.filter((gap) => selects(gap.selectors, state.topic)).map(({ to }) => to))
    const last = inEpoch([state.topic]).findLast(({ seq }) => seq <= missed)
    if (last && !reflects(state, last)) fail('A snapshot older than the gap that it follows')
    states.set(state.topic, state)
    next = 0
  }

  async function idOnly({ id }: Block): Promise<void> {
    const cursor = parseCursor(id ?? '')
    if (!cursor) fail('A block without data must move the cursor')
    if (id === lastId) return
    // Told again before a gap for a new epoch.
    if (cursor.epoch !== epoch) fail('The cursor is one of another epoch')
    if (cursor.seq < at) fail('The cursor steps back')
    if (cursor.owed) fail('Only the first id may say that snapshots are owed')
    if (isFresh && !options.fromEarliest) owed()
    await covered(cursor.seq)
    at = cursor.seq
  }

  /** Before the first id that doesn't say that snapshots are owed, they must have come. */
  function owed(): void {
    for (const one of selectors) {
      if (typeof one === 'string' && hasSnapshot(one) && !states.has(one))
        fail(`The snapshot of ${one} must come before the id that follows it`)
    }
    isFresh = false
  }

  async function item({ id, event, data = '' }: Block): Promise<void> {
    const cursor = parseCursor(id ?? '')
    if (!cursor || cursor.owed) fail('An item must have a position')
    if (epoch === undefined) enter(`${cursor.epoch}-${cursor.seq - 1}`)
    if (cursor.epoch !== epoch) fail('An item of another epoch')
    if (cursor.seq <= at) fail(`Ids must go up: ${cursor.seq} after ${at}`)
    const stored = store.epochs[indexOf(epoch)]?.items[cursor.seq - 1]
    if (stored?.fields.data !== data || stored.fields.event !== (event === 'message' ? undefined : event)) {
      fail(`Not what was published: ${JSON.stringify(stored)}`)
    }
    if (!selects(selectors, stored.topic)) fail('An item of a topic that nobody asked for')
    if (filter && !filter(data)) fail('An item that the filter leaves out')
    const state = states.get(stored.topic)
    if (snapshotsHaveIds && state && reflects(state, stored)) fail('The value steps back')
    await covered(cursor.seq - 1)
    delivered.add(cursor.seq)
    items.push(data)
    at = cursor.seq
  }

  function reflects(state: State, { seq }: StoredItem): boolean {
    const index = indexOf(epoch)
    return state.epoch > index || (state.epoch === index && state.seq >= seq)
  }

  function inEpoch(of: readonly Selector[]): StoredItem[] {
    return selected(of, store.epochs[indexOf(epoch)]?.items ?? [])
  }

  async function unheld(list: readonly StoredItem[]): Promise<StoredItem[]> {
    const held = await Promise.all(list.map((one) => store.holds(one)))
    return list.filter((_, index) => !held[index])
  }

  /** Law 2: once an id is written, everything up to it has been written, or told of. */
  async function covered(upTo: number): Promise<void> {
    // What was held in an epoch that is over isn't known any more.
    const isOver = epoch !== store.epoch
    const record = store.epochs[indexOf(epoch)]?.items ?? []
    for (; next < upTo && next < record.length; next++) {
      // Dense: the item with `seq` is the one at `seq - 1`.
      const one = record[next] as StoredItem
      if (!selects(selectors, one.topic)) continue
      // A snapshot speaks for all that was before, too.
      if (verified.has(one.seq) || one.seq <= (states.has(one.topic) ? 0 : start)) continue
      const state = states.get(one.topic)
      const tells = told.filter(({ selectors, from, to }) => one.seq > from && one.seq <= to && selects(selectors, one.topic))
      const isTold = tells.length > 0
      const isDropped = tells.some((each) => each.isDropped)
      const isThere = delivered.has(one.seq) || (filter && !filter(one.fields.data)) || (state && reflects(state, one))
      if (!isThere && !(isTold && (isOver || isDropped || !(await store.holds(one))))) {
        fail(`${one.topic} ${one.seq} was left out before ${upTo}${isTold ? ', although the log has it' : ''}`)
      }
      verified.add(one.seq)
    }
  }

  return {
    take,
    async complete() {
      if (epoch === undefined) return
      if (epoch !== store.epoch) fail('The reader was left behind in an old epoch')
      await covered(store.head)
    },
    get lastId() {
      return lastId
    },
    blocks,
    gaps,
    items,
  }
}
