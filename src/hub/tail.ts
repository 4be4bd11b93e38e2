import type { Engine, Page, StoredItem } from '../engines/engine.js'
import { backoff } from '../util/backoff.js'
import { later, unheld } from '../util/wait.js'
import type { Follows } from './follows.js'
import { frameOf, type Frame } from './frame.js'
import { createHeld, isWhole, type Hint } from './held.js'
import { RETRY } from './log.js'
import { lostBefore } from './lost.js'
import type { Ring } from './ring.js'

// A hint that is a little late comes within that; then the log is read.
const HOLD = 10
// The newest item's hint may be lost, and nothing would tell: where others write too, the log is looked at every so many milliseconds.
const LOOK = 1000
const PAGE = { limit: 2000, bytes: 2 ** 20 }

/** This node's position in the log: hints move it on when they fit without a hole, else the log does. */
export interface Tail {
  readonly epoch: string
  /** Everything up to here has been seen by this node; nothing above it is written to anybody. */
  readonly settled: number
  readonly isOpen: boolean
  /** The log couldn't be read when it was tried last. */
  readonly isFailing: boolean
  /** Rejects when the engine can't be opened. */
  readonly ready: Promise<void>
  /** Reads on until a position is settled; resolves also when the log has no such position. */
  reach(position: { readonly epoch: string; readonly seq: number }): Promise<void>
  /** The log goes on, or has begun a new epoch: looks. */
  advance(): Promise<void>
  close(): void
}

export interface TailEvents {
  /** There is a position. */
  onOpen(): void
  /** These have been settled: they are in the ring. */
  onFrames(frames: readonly Frame[]): void
  /** The log no longer has all that comes after `settled`; called before that moves on. */
  onLost(): void
  /** The store has begun a new epoch; called before that is the tail's. */
  onReset(): void
  onError(error: unknown): void
}

/** What it works on. */
export interface TailParts {
  readonly engine: Engine
  readonly read: Engine['read']
  readonly ring: Ring
  readonly follows: Follows
}

export function createTail({ engine, read, ring, follows }: TailParts, { onOpen, onFrames, onLost, onReset, onError }: TailEvents): Tail {
  let epoch = ''
  let settled = 0
  let isOpen = false
  let closed = false
  // The highest `seq` heard of.
  let known = 0
  // The epoch that hints speak of: they may hear of a new one before or after the log does, and meanwhile they are no items of ours.
  let heard: string | undefined
  // Until then that can't be told: a new epoch began just as the watch did, before it or after it.
  let unheard = 0
  // There was a hint of which nothing could be made: the log has more.
  let missed = false
  const held = createHeld()
  let timer: ReturnType<typeof setTimeout> | undefined
  let advancing: Promise<void> | undefined
  let failures = 0
  let stop = (): void => {}
  let looking: ReturnType<typeof setInterval> | undefined

  if (engine.opened) {
    heard = engine.opened.epoch
    begin(engine.opened)
  }
  const ready = engine.open().then((opened) => {
    if (isOpen) return
    begin(opened)
    // What has happened since that was said, before the watch began.
    if (!closed) catchUp()
  })
  // Whoever needs it hears of it.
  ready.catch(() => {})

  function begin(opened: { readonly epoch: string; readonly head: number }): void {
    isOpen = true
    epoch = opened.epoch
    settled = known = opened.head
    ring.clear(settled)
    if (closed) return
    stop = engine.watch(hear, renew, (items) => hear(items, 0))
    follows.open()
    onOpen()
    if (!engine.supports.shared) return
    const look = (): void => {
      if (timer === undefined) catchUp()
    }
    looking = unheld(setInterval(look, LOOK))
  }

  /** Hints speak of another epoch from now on. */
  function renew(name: string): void {
    heard = name
    if (!closed && name !== epoch) catchUp()
  }

  function hear(items: readonly Hint[], through: number): void {
    if (closed) return
    if (heard !== epoch) {
      missed = true
      timer ??= setTimeout(catchUp, HOLD)
      return
    }
    known = Math.max(known, through)
    const frames: Frame[] = []
    for (const item of items) {
      known = Math.max(known, item.seq)
      // As nearly all do.
      if (item.seq === settled + 1 && !isLacking(item)) place(item, frames)
      else if (item.seq > settled) held.add(item)
    }
    settle(frames)
    if (known === settled) return
    if (held.isFull) {
      held.clear()
      missed = true
    }
    // Nothing more will be told of an item that has passed.
    timer ??= setTimeout(catchUp, missed || isLacking(held.get(settled + 1)) ? 0 : HOLD)
  }

  /**
   * Takes the held items that follow on what is settled, one by one: a missing one holds back all that come after it, and so does one of
   * which somebody here wants more than its place.
   */
  function settle(frames: Frame[] = []): void {
    for (let item = held.get(settled + 1); item; item = held.get(settled + 1)) {
      if (isLacking(item)) break
      place(item, frames)
    }
    if (settled === known && !missed) release()
    if (frames.length > 0) onFrames(frames)
  }

  function place(item: Hint, frames: Frame[]): void {
    // It may have come before, lacking.
    held.delete(item.seq)
    settled = item.seq
    if (isWhole(item) && follows.has(item.topic)) frames.push(add(item))
  }

  function isLacking(hint: Hint | undefined): boolean {
    return hint !== undefined && !isWhole(hint) && follows.has(hint.topic)
  }

  /** The topics of what follows on what is settled and is lacking, and how far every place is known. */
  function lacking(): { readonly topics: readonly string[]; readonly upTo: number } {
    const topics = new Set<string>()
    let upTo = settled
    for (let item = held.get(upTo + 1); item; item = held.get(upTo + 1)) {
      if (isLacking(item)) topics.add(item.topic)
      upTo = item.seq
    }
    return { topics: [...topics], upTo }
  }

  function add(item: StoredItem): Frame {
    const frame = frameOf(item)
    ring.add(frame)
    return frame
  }

  function release(): void {
    clearTimeout(timer)
    timer = undefined
  }

  /** In the background, until it succeeds. */
  function catchUp(): void {
    release()
    const isHole = missed || !isLacking(held.get(settled + 1))
    const work = isHole ? advance() : (advancing ??= fill().finally(() => (advancing = undefined)))
    work.then(
      () => {
        failures = 0
        // The read was under way since before that was heard.
        if (!closed && (missed || known > settled)) timer ??= setTimeout(catchUp, HOLD)
      },
      (error: unknown) => {
        if (closed) return
        if (failures++ === 0) onError(error)
        timer ??= later(catchUp, RETRY.min + backoff(failures, RETRY))
      },
    )
  }

  /** Reads what the hints have only told the place of, all of it at once: the hints say what comes in which order. */
  async function fill(): Promise<void> {
    for (let { topics, upTo } = lacking(); topics.length > 0; { topics, upTo } = lacking()) {
      const after = settled
      const page = await read(topics, after, { ...PAGE, upTo })
      if (closed) return
      if (page.epoch !== epoch) return reset(page)
      for (const item of page.items) if (item.seq > settled) held.add(item)
      settle()
      // The log has dropped it, say, or is behind what it has told: it is asked for everything, a little later.
      if (settled === after) return void (missed = true)
    }
  }

  function advance(): Promise<void> {
    advancing ??= readOn().finally(() => (advancing = undefined))
    return advancing
  }

  async function readOn(): Promise<void> {
    if (follows.isPartial && !(await hasMore())) return
    let page: Page
    do {
      const after = settled
      missed = false
      page = await readFollowed(after)
      if (closed) return
      meet(page)
      if (page.epoch !== epoch) return reset(page)
      take(page, after)
    } while (page.through < page.head)
  }

  /** Where many topics may be followed, the log is asked for its head first, unless it is known to have more. */
  async function hasMore(): Promise<boolean> {
    if (missed || known > settled) return true
    const page = await read([], settled, { limit: 1, bytes: 1 })
    if (closed) return false
    meet(page)
    if (page.epoch === epoch) return page.head > settled
    reset(page)
    return false
  }

  async function readFollowed(after: number): Promise<Page> {
    const selectors = follows.beginRead()
    try {
      return await read(selectors, after, PAGE)
    } catch (error) {
      follows.endRead(settled)
      throw error
    }
  }

  function meet(page: Page): void {
    if (page.epoch === epoch && performance.now() >= unheard) heard ??= epoch
  }

  function take(page: Page, after: number): void {
    const isLost = lostBefore(page, after) > settled
    if (isLost) onLost()
    // Hints may have come meanwhile.
    const frames = isLost ? [] : page.items.filter(({ seq }) => seq > settled).map(add)
    settled = Math.max(settled, page.through)
    // What readers have missed is told by the log: the ring would hide it.
    if (isLost) ring.clear(settled)
    follows.endRead(settled)
    if (frames.length > 0) onFrames(frames)
    known = Math.max(known, page.head)
    held.dropUpTo(settled)
    settle()
  }

  function reset(page: Page): void {
    onReset()
    if (heard === undefined) unheard = performance.now() + LOOK
    epoch = page.epoch
    settled = known = page.head
    held.clear()
    follows.renew()
    ring.clear(settled)
  }

  return {
    get epoch() {
      return epoch
    },
    get settled() {
      return settled
    },
    get isOpen() {
      return isOpen
    },
    get isFailing() {
      return failures > 0
    },
    ready,
    async reach({ epoch: wanted, seq }) {
      const isThere = (): boolean => epoch === wanted && settled >= seq
      if (!isThere()) await advance()
      // That one may have been under way since before the item was stored.
      if (!isThere()) await advance()
    },
    advance,
    close() {
      closed = true
      release()
      clearInterval(looking)
      stop()
      follows.close()
      held.clear()
    },
  }
}
