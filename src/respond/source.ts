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

/** @throws {TypeError} that says what to pass instead. */
export function checkItems(items: unknown): asserts items is Items {
  if (typeof items === 'object' && items && ('getReader' in items || Symbol.asyncIterator in items || Symbol.iterator in items)) return
  throw new TypeError(mustBe('items', 'an async iterable, an array or a ReadableStream; a string in [ ], a promise awaited', items))
}

export function pullerOf(items: Items): Puller {
  if ('getReader' in items) {
    // Its own async iterator would answer return() only after a pending read.
    const reader = items.getReader()
    return { next: () => reader.read(), return: () => reader.cancel() }
  }
  return Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : fromSync(items)
}

/** As `for await` does: an array of promises is a stream of what they become. */
async function* fromSync(items: Iterable<unknown>): AsyncGenerator<unknown> {
  yield* items
}

/**
 * Lets go of a source, or of a puller. Nobody awaits it: a generator that waits answers only when its wait settles. Items that were
 * never pulled are let go without being started.
 */
export function release(source: object, onError: (error: unknown) => void): void {
  const { cancel, return: back } = source as { cancel?: () => unknown; return?: () => unknown }
  promiseOf(() => (cancel ?? back)?.call(source)).catch(onError)
}

/** What a call gives as a promise, also when it throws. */
export function promiseOf<T>(run: () => T | PromiseLike<T>): Promise<T> {
  try {
    // The same promise for a native one: an async function around it would cost three turns more per item.
    return Promise.resolve(run())
  } catch (error) {
    return Promise.reject(error)
  }
}
