import type { Feed, FeedSink } from '../respond/feed.js'
import type { Selector } from '../protocol/topic.js'
import type { Gap } from '../protocol/events.js'
import { SseError } from '../errors.js'
import { whenAborted } from '../util/abort.js'
import { backoff } from '../util/backoff.js'
import { later } from '../util/wait.js'
import type { Core } from './core.js'
import { formatCursor, parseCursor } from './cursor.js'
import type { Leaver } from './drain.js'
import type { Group, Live } from './fanout.js'
import { Batch, idFrame, idLineOf, looseFrame, quietFrame, retryFrame, type Frame } from './frame.js'
import { LOOKS, type Silent } from './silences.js'
import { between, hasSnapshots, openingOf, snapshotOf, topicsWithSnapshots, type Opening } from './opening.js'
import { expiredIn } from './expired.js'
import type { Interest } from './interest.js'
import type { Laggard } from './laggards.js'
import { RETRY } from './log.js'
import { newestOf } from './newest.js'
import type { FramePage } from './pages.js'
import type { Found } from './ring.js'
import type { Seat } from './seats.js'
import type { Snapshot, Taken } from './snapshots.js'

/** What one reader asked for. */
export interface ReaderOptions {
  readonly signal?: AbortSignal | undefined
  readonly filter?: ((item: unknown) => boolean) | undefined
  readonly until?: ((item: unknown) => boolean) | undefined
  readonly snapshot?: Snapshot<unknown> | undefined
  readonly principal?: string | undefined
  readonly expiresAt?: Date | undefined
  readonly from?: 'now' | 'earliest' | undefined
  /** Of a stream that `hub.fetch` has admitted. */
  readonly seat?: Seat | undefined
}

// About how many bytes a reader that catches up is given at a time.
const PAGE = 64 * 1024
// How many snapshots of one reader are asked for at once.
const SNAPSHOTS_AT_ONCE = 8
const NEVER = Infinity
// Of a connection's longest time.
const SHORTENED = 0.2
// How long to wait for a store that is behind what it has told before, in milliseconds.
const BEHIND = 10

/**
 * One reader on its way through the log: it begins at a position, reads on from log and ring as its sink takes it, and is live when its
 * cursor is what is settled. There is no queue: a reader that lags is a cursor that stands still.
 *
 * A class, because there are tens of thousands of them, most of them idle.
 */
export class Reader implements Feed, Live, Laggard, Silent, Leaver {
  cursor = 0
  slot = -1
  isSolo: boolean
  readonly group: Group
  readonly options: ReaderOptions
  readonly #core: Core
  readonly #given: string
  /** Where it writes, while it is there. */
  #sink: FeedSink | undefined
  #begun = false
  /** Within how many milliseconds something must be written. */
  silence = 0
  /** How many batches were written, and how many when the silence was last looked at. */
  #written = 0
  #writtenThen = 0
  #quiet = 0
  /** Of the cursor. */
  #epoch = ''
  /** The last `seq` whose id was written; -1 for none. */
  #idAt = -1
  #isLive = false
  #lags = false
  /** What its group had had when it was live; -1 while it is, or hasn't been yet. */
  #liveAt = -1
  /** Something is being read or told that must come before anything else. */
  #busy = false
  /** When the cursor has come so far, it is told: after a gap or a snapshot. */
  #tellAt = NEVER
  /** Up to where a gap has been told, by selector. */
  #told: Map<string, number> | undefined
  /** What a topic's snapshot has in it already. */
  #skip: Map<string, number> | undefined
  /** Read from the log, and not yet taken. */
  #page: Found | undefined
  #wake: (() => void) | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #offSignal: (() => void) | undefined
  #hasLeft = false

  constructor(core: Core, interest: Interest, lastEventId: string, options: ReaderOptions) {
    this.#core = core
    this.#given = lastEventId
    this.options = options
    this.isSolo = options.filter !== undefined || options.until !== undefined
    this.group = core.fanOut.enter(interest)
  }

  get #interest(): Interest {
    return this.group.interest
  }

  attach(sink: FeedSink, silence: number): void {
    this.#begun = true
    this.#sink = sink
    this.silence = silence
    this.#start()
    if (silence > 0 && !this.#hasLeft) this.#core.silences.add(this)
  }

  pull(write: FeedSink['write'], end: () => void, fail: (error: unknown) => void, silence: number, drop: () => void): true {
    if (this.#begun) this.drained()
    else this.attach({ write, end, fail, drop }, silence)
    return true
  }

  #start(): void {
    const { tail, readers } = this.#core
    const { signal, expiresAt, seat } = this.options
    if (this.#core.isClosed || seat?.begin() === false) return this.end()
    readers.add(this)
    if (signal) this.#offSignal = whenAborted(signal, () => this.end())
    if (!this.#sink) return
    const lifetime = Math.min(expiresAt ? expiresAt.getTime() - Date.now() : Infinity, this.isConnection ? this.#longest() : Infinity)
    if (lifetime < Infinity) this.#timer = later(() => this.end(), Math.max(0, lifetime))
    if (tail.isOpen && this.#given === '' && this.options.from !== 'earliest' && !hasSnapshots(this.#core, this.options)) {
      // Most of them: nothing to wait for.
      this.#epoch = tail.epoch
      this.cursor = tail.settled
      this.#write([this.#idFrame(this.cursor)], this.cursor)
      this.#goOn()
    } else this.#attend(() => this.#begin())
  }

  drained(): void {
    if (!this.#lags) return
    this.#lags = false
    this.#core.laggards.remove(this)
    this.#wake?.()
    this.#goOn()
  }

  /** Several times in the time that a connection may be silent: cheaper than to note the time at each write. */
  listen(): void {
    const { group } = this
    const written = this.#written + (this.slot < 0 ? 0 : group.flushes)
    this.#quiet = written === this.#writtenThen ? this.#quiet + 1 : 0
    this.#writtenThen = written
    if (this.#quiet < LOOKS || this.#lags || !this.#sink) return
    const { fanOut, tail } = this.#core
    // A member of a group is as far as that has written to it: an id below that would be a step back.
    if (this.slot >= 0) this.cursor = Math.max(this.cursor, group.cursors[this.slot] as number)
    if (this.#isLive && fanOut.isCurrent(this)) this.cursor = tail.settled
    if (this.slot >= 0 && group.lastSeq <= this.cursor) this.#idAt = Math.max(this.#idAt, group.lastSeq)
    // What was dropped by a filter, and what other topics had, counts as read.
    if (this.cursor > this.#idAt && !this.#busy && this.#tellAt === NEVER) this.#write([this.#idFrame(this.cursor)], this.cursor)
    else this.#write([quietFrame()])
  }

  get behind(): number {
    return this.#liveAt < 0 ? 0 : this.group.bytes - this.#liveAt
  }

  /** Gives its connection up; the client comes back with its cursor. */
  drop(): void {
    const sink = this.#sink
    this.return()
    sink?.drop?.()
  }

  /** Ends it at once: what a connection that lags still has to take is given up. */
  cut(): void {
    if (this.#lags && this.#sink?.drop) this.drop()
    else this.end()
  }

  /** It comes back by itself, as a loop doesn't. */
  get isConnection(): boolean {
    return this.#sink?.drop !== undefined
  }

  /** Shortened by chance, so that those that came together don't come back together. */
  #longest(): number {
    return this.#core.maxAge * (1 - SHORTENED * Math.random())
  }

  sendAway(retry: number): void {
    this.#write([retryFrame(retry)])
    this.end()
  }

  /** Ends it from the hub's side. */
  end(): void {
    const sink = this.#sink
    this.return()
    sink?.end()
  }

  return(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    const { readers, fanOut, laggards, silences } = this.#core
    laggards.remove(this)
    silences.remove(this)
    clearTimeout(this.#timer)
    this.#offSignal?.()
    this.#sink = undefined
    this.#isLive = false
    this.options.seat?.release()
    readers.delete(this)
    fanOut.leave(this)
    fanOut.exit(this.group)
    this.#wake?.()
  }

  // ── Beginning ──

  async #begin(): Promise<void> {
    const { tail } = this.#core
    await tail.ready
    const given = this.#given
    if (given === '') return this.#beginAnew()
    const cursor = parseCursor(given)
    // Of a node that was further, it may be, or has heard of a new epoch before: only the log tells them from nonsense.
    if (cursor) await this.#ask(() => tail.reach(cursor))
    if (cursor && cursor.epoch === tail.epoch && cursor.seq <= tail.settled) {
      if (cursor.scope !== '' && cursor.scope !== this.#interest.scope) return this.#restart('topics', given)
      this.#epoch = tail.epoch
      this.cursor = cursor.seq
      this.#write([idFrame(given)], this.cursor)
      if (cursor.owed) await this.#sendSnapshotsOf(this.#interest.selectors, this.cursor)
      // Not from the ring, which may have what the log has dropped by now.
      if (this.cursor < tail.settled) await this.#readLog(true)
      return
    }
    await this.#restart(cursor && cursor.epoch !== tail.epoch ? 'epoch' : 'unknown-id', given)
  }

  /** A reader without a position. */
  async #beginAnew(): Promise<void> {
    const { epoch, at, owed } = await this.#opening()
    this.#enterAt(epoch, at)
    if (owed.length === 0) return this.#write([this.#idFrame(at)], at)
    // Cut off before its snapshots, it comes back with an id that says so.
    this.#write([idFrame(formatCursor({ epoch: this.#epoch, seq: at, owed: true, scope: this.#interest.scope }))], at)
    await this.#sendSnapshots(owed, at)
  }

  /** From a position that means nothing here: a gap, then what a new reader gets. */
  async #restart(reason: Gap['reason'], from: string): Promise<void> {
    const { epoch, at, owed } = await this.#opening()
    this.#enterAt(epoch, at)
    // Its own id, so that it is told again if it is cut off before it has heard.
    await this.#send([idFrame(from)])
    await this.#tellGap(this.#interest.selectors, reason, from, at)
    await this.#sendSnapshots(owed, at)
  }

  #opening(): Promise<Opening> {
    return this.#ask(() => openingOf(this.#core, this.#interest, this.options))
  }

  #enterAt(epoch: string, position: number): void {
    this.#epoch = epoch
    this.cursor = position
    this.#told = this.#skip = this.#page = undefined
    this.#tellAt = NEVER
  }

  // ── Reading ──

  turn(): void {
    if (this.#lags || this.#busy || this.#isLive || !this.#sink) return
    try {
      this.#readOn()
    } catch (error) {
      this.fail(error)
    }
  }

  #readOn(): void {
    const { tail, ring, follows, maxLag, whenSlow } = this.#core
    const page = this.#page
    this.#page = undefined
    if (this.#epoch !== tail.epoch) {
      const from = this.idOf(this.cursor)
      return this.#attend(() => this.#restart('epoch', from))
    }
    if (this.behind > maxLag && whenSlow !== 'disconnect') return this.#attend(() => this.#leaveOut())
    // A loop has no connection to give up: dropped, it would wait for ever.
    if (this.behind > maxLag && this.#sink?.drop) return this.drop()
    const since = follows.since(this.#interest)
    // What is settled just now, is settled without this reader's topics: from where on it has them is known then. What fails is tried again.
    if (!page && since === NEVER) return this.#attend(() => tail.advance().catch(() => {}))
    if (!page && this.cursor < Math.max(ring.start, since)) return this.#attend(() => this.#readLog())
    const isLatest = this.#isHeldToLatest
    const { frames, through } = page ?? ring.read(this.#interest, this.cursor, tail.settled, isLatest ? Infinity : PAGE)
    if (isLatest) this.#takeLatest(frames, through)
    else this.#take(frames, through)
    this.#goOn()
  }

  #goOn(): void {
    if (this.#lags || this.#busy || this.#isLive || !this.#sink) return
    const { tail, fanOut, follows, turns } = this.#core
    if (this.#skip && [...this.#skip.values()].every((seq) => seq <= this.cursor)) this.#skip = undefined
    // In this very turn of the event loop: nothing can come between.
    if (this.cursor === tail.settled && this.#epoch === tail.epoch && follows.since(this.#interest) <= this.cursor) {
      const { filter, until } = this.options
      // A gap or a snapshot may be ahead of this node: where it ends is still to be told.
      this.isSolo = filter !== undefined || until !== undefined || this.#skip !== undefined || this.#tellAt !== NEVER
      this.#isLive = true
      this.#liveAt = -1
      fanOut.join(this)
    } else turns.add(this)
  }

  /** Work that takes its time, and before which nothing else is written. */
  #attend(work: () => Promise<void>): void {
    this.#busy = true
    work().then(
      () => {
        this.#busy = false
        this.#goOn()
      },
      (error: unknown) => this.fail(error),
    )
  }

  /** It is too far behind: goes on from now, and says so. */
  async #leaveOut(): Promise<void> {
    const from = this.#idNow()
    const { selectors } = this.#interest
    this.#liveAt = -1
    this.cursor = this.#core.tail.settled
    await this.#tellGap(selectors, 'dropped', from, this.cursor)
    await this.#sendSnapshotsOf(selectors, this.cursor)
  }

  get #isHeldToLatest(): boolean {
    return this.#liveAt >= 0 && this.#core.whenSlow === 'latest'
  }

  /** The newest value of each key, about a page of them. */
  #takeLatest(frames: readonly Frame[], through: number): void {
    const newest = newestOf(frames, (frame) => this.#core.keyOf(frame))
    let size = 0
    const count = newest.findIndex((frame) => (size += frame.size) > PAGE)
    if (count <= 0) return void this.#take(newest, through)
    this.#take(newest.slice(0, count), (newest[count - 1] as Frame).seq)
  }

  async #readLog(fresh = false): Promise<void> {
    const { pages, tail } = this.#core
    const { epoch, cursor } = { epoch: this.#epoch, cursor: this.cursor }
    let page = await this.#ask(() => pages.read(this.#interest, epoch, cursor, fresh))
    if (page.trimmed > cursor && page.epoch === epoch) page = await this.#tellExpired(page)
    // The next turn begins anew.
    if (page.epoch !== epoch) return this.#ask(() => tail.advance())
    if (epoch !== tail.epoch) return
    // Never back: what the store says may be of an earlier moment. Then it is asked again a little later.
    const end = Math.max(cursor, Math.min(page.through, tail.settled))
    if (end === cursor) await new Promise((resolve) => setTimeout(resolve, BEHIND))
    const frames = page.frames.filter(({ seq }) => seq > cursor && seq <= end)
    // In a turn of its own: thousands may have waited for this page.
    this.#page = { frames, through: end }
  }

  /** Some of the topics no longer have all that comes after the cursor: tells of which, and gives what there is. */
  async #tellExpired(whole: FramePage): Promise<FramePage> {
    this.#told ??= new Map()
    const told = this.#told
    const { page, lost, to } = await this.#ask(() => expiredIn(this.#core, this.#interest, whole, this.cursor, told))
    if (lost.length > 0) {
      await this.#tellGap(lost, 'expired', this.#idNow(), to)
      await this.#sendSnapshotsOf(lost, to)
    }
    return page
  }

  /** What only the store knows: again and again while it fails, as long as somebody waits for it here. */
  async #ask<T>(ask: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await ask()
      } catch (error) {
        if (!this.#sink || (error instanceof SseError && error.code === 'SSE_CLOSED')) throw error
        await this.#rest(RETRY.min + backoff(tries, RETRY))
        if (!this.#sink) throw error
      }
    }
  }

  /** Waits, at most until it leaves. */
  async #rest(time: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, time)
      this.#wake = resolve
    })
    clearTimeout(timer)
    this.#wake = undefined
  }

  // ── Writing ──

  /** What there is up to a position. */
  #take(frames: readonly Frame[], through: number): boolean {
    const picked = this.#pick(frames)
    const isLast = picked.isLast
    if (!isLast && through >= this.#tellAt) {
      this.#tellAt = NEVER
      if (picked.frames.at(-1)?.seq !== through) picked.frames.push(this.#idFrame(through))
      this.cursor = through
      this.#write(picked.frames, through)
    } else {
      this.cursor = through
      this.#write(picked.frames)
    }
    if (isLast) this.end()
    return !this.#lags
  }

  /** As a member of its group. */
  get sink(): FeedSink {
    return this.#sink as FeedSink
  }

  writeOwn(frames: readonly Frame[], through: number): boolean {
    return this.#take(frames, through)
  }

  fallBack(lagsWith?: Batch): void {
    this.#isLive = false
    this.#liveAt = this.group.bytes
    this.#written++
    if (lagsWith) this.#lag(lagsWith)
    else this.#core.turns.add(this)
  }

  #lag(batch: Batch): void {
    this.#lags = true
    if (this.#sink?.drop) this.#core.laggards.add(this, batch)
  }

  /** What of these the reader wants, and whether the last of them is its last. */
  #pick(frames: readonly Frame[]): { frames: Frame[]; isLast: boolean } {
    const picked: Frame[] = []
    if (!this.isSolo) return { frames: [...frames], isLast: false }
    const { filter, until } = this.options
    for (const frame of frames) {
      if (frame.seq <= (this.#skip?.get(frame.topic) ?? 0)) continue
      try {
        const item = filter || until ? this.#core.toItem(frame, this.idOf(frame.seq)) : undefined
        if (filter && (item === undefined || !filter(item))) continue
        picked.push(frame)
        if (item !== undefined && until?.(item)) return { frames: picked, isLast: true }
      } catch (error) {
        this.fail(error)
        break
      }
    }
    return { frames: picked, isLast: false }
  }

  #write(frames: readonly Frame[], idAt = -1): void {
    if (frames.length === 0) return
    this.#put(new Batch(frames, idLineOf(this.#epoch, this.#interest.scope)))
    if (idAt >= 0) this.#idAt = idAt
  }

  #put(batch: Batch): boolean {
    if (!this.#sink) return true
    const last = (batch.frames.at(-1) as Frame).seq
    if (last > 0) this.#idAt = last
    this.#core.counts.delivered += batch.items
    this.#written++
    if (!this.#sink.write(batch)) this.#lag(batch)
    return !this.#lags
  }

  /** Writes when the sink takes it. */
  async #send(frames: readonly Frame[]): Promise<void> {
    if (this.#lags && this.#sink) await new Promise<void>((resolve) => (this.#wake = resolve))
    this.#wake = undefined
    this.#write(frames)
  }

  async #tellGap(selectors: readonly Selector[], reason: Gap['reason'], from: string, to: number): Promise<void> {
    const gap: Gap = { topics: selectors.map(String), reason, from, to: this.idOf(to) }
    this.#core.counts.gaps++
    await this.#send([looseFrame('', { event: 'gap', data: JSON.stringify(gap) })])
  }

  // ── Snapshots ──

  async #sendSnapshotsOf(selectors: readonly Selector[], position: number): Promise<void> {
    await this.#sendSnapshots(await this.#ask(() => topicsWithSnapshots(this.#core, selectors, this.options)), position)
  }

  /** The topics' state, with everything up to a position in it; then the cursor is told, once it has come so far. */
  async #sendSnapshots(topics: readonly string[], position: number): Promise<void> {
    const flights: Promise<Taken>[] = []
    const ask = (topic: string | undefined): void => {
      if (topic === undefined) return
      const flight = this.#core.snapshots.take(snapshotOf(this.#core, topic, this.options), topic, position)
      // It is awaited in its turn.
      flight.catch(() => {})
      flights.push(flight)
    }
    topics.slice(0, SNAPSHOTS_AT_ONCE).forEach(ask)
    for (let index = 0; index < topics.length && this.#sink; index++) {
      const { frame, reflects } = await (flights[index] as Promise<Taken>)
      ask(topics[index + SNAPSHOTS_AT_ONCE])
      if (frame) await this.#send([frame])
      if (frame && reflects !== undefined) await this.#bridge(topics[index] as string, reflects)
    }
    this.#tellAt = this.#tellAt === NEVER ? position : Math.max(position, this.#tellAt)
    if (this.cursor >= this.#tellAt) this.#take([], this.cursor)
  }

  /** From what a snapshot reflects to what follows: what is in it comes no more, and what is in neither comes now. */
  async #bridge(topic: string, reflects: number): Promise<void> {
    const { cursor } = this
    if (reflects > cursor) {
      ;(this.#skip ??= new Map()).set(topic, reflects)
      this.isSolo = true
    } else if (reflects < cursor) {
      await this.#send(await this.#ask(() => between(this.#core, topic, this.#epoch, reflects, cursor)))
    }
  }

  // ── Small things ──

  idOf(seq: number): string {
    return formatCursor({ epoch: this.#epoch, seq, owed: false, scope: this.#interest.scope })
  }

  /** Of the cursor: as it was given, while nothing has moved it. */
  #idNow(): string {
    const cursor = parseCursor(this.#given)
    return cursor && cursor.epoch === this.#epoch && cursor.seq === this.cursor ? this.#given : this.idOf(this.cursor)
  }

  #idFrame(seq: number): Frame {
    return idFrame(this.idOf(seq))
  }

  fail(error: unknown): void {
    const sink = this.#sink
    this.return()
    sink?.fail(error)
  }
}
