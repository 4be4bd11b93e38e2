import { mustBe } from '../protocol/fields.js'
import type { SseItem } from '../protocol/item.js'

/** What can be streamed: not a string. It yields SseItems, strings (sent as they are), or anything else (sent as JSON). */
export type Items<T = unknown> = AsyncIterable<T> | (Iterable<T> & object) | ReadableStream<T>

/** Refuses at compile time what looks sendable and isn't: `{ event, data }` without SseItem, bytes. */
export type Sendable<T> = 0 extends 1 & T
  ? unknown
  : [Extract<Exclude<T, SseItem>, Uint8Array | { event: string; data: unknown }>] extends [never]
    ? unknown
    : { 'Not sendable: wrap { event, data } in new SseItem(data, { event }); parse bytes with parseEventStream()': never }

export interface SourceContext<R = Request> {
  readonly request: R
  /** Aborts at once when the client leaves, and when the stream ends in any other way. */
  readonly signal: AbortSignal
  /** The header `Last-Event-ID`, else `?lastEventId=`, else `''`: where the client wants to go on. */
  readonly lastEventId: string
}

/** Called (and awaited) before anything is sent: what it throws is the framework's to answer. */
export type SourceFunction<T = unknown, R = Request> = (context: SourceContext<R>) => Items<T> | Promise<Items<T>>

/** What all sources have in common: a pull, and a way to let go. */
export interface Puller {
  next(): Promise<IteratorResult<unknown, unknown>>
  return?: ((value?: undefined) => unknown) | undefined
}

/** @throws {TypeError} for what is no source, saying what to pass instead. */
export function pullerOf(items: unknown): Puller {
  if (typeof items === 'object' && items) {
    // Its own async iterator would answer return() only after a pending read.
    const reader = (items as Partial<ReadableStream>).getReader?.()
    if (reader) return { next: () => reader.read(), return: () => reader.cancel() }
    if (Symbol.asyncIterator in items) return (items as AsyncIterable<unknown>)[Symbol.asyncIterator]()
    if (Symbol.iterator in items) {
      // As `for await` does: an array of promises is a stream of what they become.
      return (async function* () {
        yield* items as Iterable<unknown>
      })()
    }
  }
  throw new TypeError(mustBe('items', 'an iterable or ReadableStream, not a string or promise', items))
}
