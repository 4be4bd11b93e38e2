import type { Feed, FeedSink, FeedSource } from '../respond/feed.js'
import type { Opt } from '../protocol/item.js'
import type { Topics } from '../protocol/topic.js'
import type { Core } from './core.js'
import type { Batch, Frame } from './frame.js'
import type { Interest } from './interest.js'
import { Reader, type ReaderOptions } from './reader.js'
import type { Snapshot } from './snapshots.js'

export interface SubscribeOptions<D, I> extends Opt<{
  /** Ends the subscription. */
  signal: AbortSignal
  /** Items for which it is false are left out; they count as read. Gaps always come. */
  filter: (item: I) => boolean
  /** The state of a topic, for readers that are new or have missed something. @default that of the topic's settings */
  snapshot: Snapshot<D>
  /** Whose it is: `hub.revoke(principal)` ends it. */
  principal: string
  /** When it ends. */
  expiresAt: Date
  /** Where to go on. @default that of the request it is sent to */
  lastEventId: string
  /** Where a reader without a last event ID begins: with what is published from now on, or with the oldest item kept. @default 'now' */
  from: 'now' | 'earliest'
  /** The first item for which it is true is the last. */
  until: (item: I) => boolean
}> {}

/**
 * What a reader of some topics gets: a loop (`for await`), or a source for `sse()` and `sendSse()`. It holds nothing until it is iterated
 * or sent; each time begins anew from the options.
 */
export interface Subscription<I> extends AsyncIterable<I> {
  readonly topics: Topics
}

export function createSubscription<I>(
  core: Core,
  topics: Topics,
  interest: Interest,
  { lastEventId, ...options }: ReaderOptions & { readonly lastEventId?: string | undefined },
): Subscription<I> & FeedSource {
  const read = (from: string): Reader => new Reader(core, interest, sensible(lastEventId ?? from), options)
  return {
    topics,
    '~feed': read,
    [Symbol.asyncIterator]: () => iterate<I>(read(''), (frame, id) => core.toItem(frame, id) as I | undefined),
  }
}

// Longer, no id was ever the hub's.
const SENSIBLE = /^[^\0\r\n]{0,256}$/

function sensible(lastEventId: string): string {
  return SENSIBLE.test(lastEventId) ? lastEventId : ''
}

/** A reader as a loop: it is given one batch at a time, and the next when that is used up. */
function iterate<I>(
  reader: Feed & { idOf(seq: number): string },
  toItem: (frame: Frame, id: string | undefined) => I | undefined,
): AsyncIterator<I> {
  let frames: readonly Frame[] = []
  let at = 0
  let over: { readonly error: unknown } | undefined
  let begun = false
  let wake: (() => void) | undefined
  const sink: FeedSink = {
    write(chunk) {
      const more = (chunk as Batch).frames
      // What was put together for one reader may come in pieces, before it has used the first.
      frames = at < frames.length ? [...frames.slice(at), ...more] : more
      at = 0
      wake?.()
      return false
    },
    end: () => stop(),
    fail: stop,
  }

  function stop(error?: unknown): void {
    over ??= { error }
    wake?.()
  }

  async function next(): Promise<IteratorResult<I, undefined>> {
    for (;;) {
      while (at < frames.length) {
        const frame = frames[at++] as Frame
        const value = frame.fields && toItem(frame, frame.seq > 0 ? reader.idOf(frame.seq) : undefined)
        if (value !== undefined) return { done: false, value }
      }
      frames = []
      at = 0
      if (over) {
        const { error } = over
        over = { error: undefined }
        if (error !== undefined) return Promise.reject(error)
        return { done: true, value: undefined }
      }
      const more = new Promise<void>((resolve) => (wake = resolve))
      if (begun) reader.drained()
      else {
        begun = true
        reader.attach(sink, 0)
      }
      if (frames.length === 0 && !over) await more
    }
  }

  // Calls are answered one after the other, as a generator's would be; return() cuts in. The first begins at once: what is published
  // after it was called, it gets.
  let turn: Promise<unknown> | undefined
  return {
    next() {
      const result = turn ? turn.then(next) : next()
      const settled = result
        .catch(() => {})
        .then(() => {
          if (turn === settled) turn = undefined
        })
      turn = settled
      return result
    },
    return() {
      reader.return()
      frames = []
      stop()
      return Promise.resolve({ done: true, value: undefined })
    },
  }
}
