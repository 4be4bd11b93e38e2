import type { Engine, Page, StoredItem } from '../engines/engine.js'
import { pattern } from '../protocol/topic.js'
import { backoff } from '../util/backoff.js'
import { later } from '../util/wait.js'
import { frameOf, type Frame } from './frame.js'
import { lostBefore } from './lost.js'
import type { Ring } from './ring.js'

// A hint that is a little late comes within that; then the log is read.
const HOLD = 10
// The newest item's hint may be lost, and nothing would tell: where others write too, the log is looked at every so many milliseconds.
const LOOK = 1000
// Beyond so many hints that can't be placed the log is quicker.
const MOST_HELD = 10_000
const PAGE = { limit: 2000, bytes: 2 ** 20 }
const RETRY = { min: 100, max: 5000 }

const ALL = [pattern('**')]

/** This node's position in the log: hints move it on when they fit without a hole, else the log does. */
export interface Tail {
  readonly epoch: string
  /** Everything up to here has been seen by this node; nothing above it is written to anybody. */
  readonly settled: number
  readonly isOpen: boolean
  /** Rejects when the engine can't be opened. */
  readonly ready: Promise<void>
  /** Reads on until a position is settled; resolves also when the log has no such position. */
  reach(position: { readonly epoch: string; readonly seq: number }): Promise<void>
  /** The log goes on, or has begun a new epoch: looks. */
  advance(): Promise<void>
  close(): void
}

export interface TailEvents {
  /** These have been settled: they are in the ring. */
  onFrames(frames: readonly Frame[]): void
  /** The log no longer has all that comes after `settled`; called before that moves on. */
  onLost(): void
  /** The store has begun a new epoch; called before that is the tail's. */
  onReset(): void
  onError(error: unknown): void
}

export function createTail(engine: Engine, ring: Ring, { onFrames, onLost, onReset, onError }: TailEvents): Tail {
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
  const held = new Map<number, StoredItem>()
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
    stop = engine.watch(hear, renew)
    if (!engine.supports.shared) return
    looking = setInterval(() => {
      if (timer === undefined) catchUp()
    }, LOOK)
    // The streams' sockets keep a process running, not this.
    ;(looking as { unref?: () => void }).unref?.()
  }

  /** Hints speak of another epoch from now on. */
  function renew(name: string): void {
    heard = name
    if (!closed && name !== epoch) catchUp()
  }

  function hear(items: readonly StoredItem[], through: number): void {
    if (closed) return
    if (heard !== epoch) {
      missed = true
      timer ??= setTimeout(catchUp, HOLD)
      return
    }
    known = Math.max(known, through)
    for (const item of items) {
      known = Math.max(known, item.seq)
      if (item.seq > settled) held.set(item.seq, item)
    }
    settle()
    if (known === settled) return
    if (held.size > MOST_HELD) catchUp()
    else timer ??= setTimeout(catchUp, HOLD)
  }

  /** Takes the held items that follow on what is settled, one by one: a missing one holds back all that come after it. */
  function settle(): void {
    const frames: Frame[] = []
    for (let item = held.get(settled + 1); item; item = held.get(settled + 1)) {
      held.delete(item.seq)
      settled = item.seq
      frames.push(add(item))
    }
    if (settled === known && !missed) release()
    if (frames.length > 0) onFrames(frames)
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
    advance().then(
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

  function advance(): Promise<void> {
    advancing ??= readOn().finally(() => (advancing = undefined))
    return advancing
  }

  async function readOn(): Promise<void> {
    let page: Page
    do {
      const after = settled
      missed = false
      page = await engine.read(ALL, after, PAGE)
      if (closed) return
      if (page.epoch === epoch && performance.now() >= unheard) heard ??= epoch
      if (page.epoch !== epoch) return reset(page)
      take(page, after)
    } while (page.through < page.head)
  }

  function take(page: Page, after: number): void {
    const lost = lostBefore(page, after) > settled
    // Hints may have come meanwhile.
    const items = page.items.filter(({ seq }) => seq > settled)
    const end = Math.max(settled, page.through)
    if (lost) {
      onLost()
      // What readers have missed is told by the log: the ring would hide it.
      ring.clear(end)
      settled = end
    } else {
      const frames = items.map(add)
      settled = end
      if (frames.length > 0) onFrames(frames)
    }
    known = Math.max(known, page.head)
    for (const seq of held.keys()) if (seq <= settled) held.delete(seq)
    settle()
  }

  function reset(page: Page): void {
    onReset()
    if (heard === undefined) unheard = performance.now() + LOOK
    epoch = page.epoch
    settled = known = page.head
    held.clear()
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
      held.clear()
    },
  }
}
