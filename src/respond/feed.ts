import { END_ID } from '../protocol/headers.js'
import { formatItem, formatValue } from '../protocol/format.js'
import type { Settings } from './options.js'
import { checkItems, promiseOf, pullerOf, release, type Puller, type SourceFunction } from './source.js'

/** A source on its way to one client: opened, pulled item by item as wire text, and let go exactly once. */
export interface Feed<R> {
  /** Aborts when the feed is left. */
  readonly signal: AbortSignal
  /** Calls a function source and takes what it returns. Rejects with what it throws. */
  open(source: SourceFunction<unknown, R>, request: R, lastEventId: string): Promise<void>
  /** @throws {TypeError} for what is no source. */
  take(items: unknown): void
  /** What to send first: headers without a body would wait in many a proxy and framework. */
  hello(): string
  /**
   * Pulls one item: `receive` gets its wire text, or `undefined` at the end; `fail` what the source threw, or why the item can't be
   * sent. After `leave()` neither is called. Callbacks instead of a promise, so that a source that never answers holds nothing of the
   * connection.
   */
  pull(receive: (text: string | undefined) => void, fail: (error: unknown) => void): void
  /** What to send when the source has ended by itself. */
  bye(): string
  /** The signal aborts first, so that a generator that heeds it stops waiting; then the iterator is returned. Safe to call twice. */
  leave(reason?: unknown): void
  /** An error in mid-stream, or after leaving: for the server's eyes only. */
  report(error: unknown): void
}

export function createFeed<R>({ serialize, event, retry, reconnect, onError }: Settings): Feed<R> {
  const abort = new AbortController()
  const { signal } = abort
  let puller: Puller | undefined
  let receive: ((text: string | undefined) => void) | undefined
  let fail: ((error: unknown) => void) | undefined

  function report(error: unknown): void {
    // A source that heeds its signal by throwing the reason has done as it was told.
    if (signal.aborted && (error === signal.reason || (error as Error | undefined)?.name === 'AbortError')) return
    promiseOf(() => onError(error)).catch(console.error)
  }

  function take(items: unknown): void {
    checkItems(items)
    if (signal.aborted) release(items, report)
    else puller = pullerOf(items)
  }

  return {
    signal,
    take,
    report,
    async open(source, request, lastEventId) {
      take(await source({ request, signal, lastEventId }))
    },
    hello: () => formatItem({ retry, comment: retry === undefined ? '' : undefined }),
    bye: () => (reconnect ? '' : formatItem({ id: END_ID })),
    pull(onText, onFailure) {
      receive = onText
      fail = onFailure
      promiseOf(() => (puller as Puller).next())
        .then(({ done, value }) => {
          // One that has ended is not returned.
          if (done) puller = undefined
          receive?.(done ? undefined : formatValue(value, serialize, event))
        })
        .catch((error) => (fail ?? report)(error))
    },
    leave(reason) {
      abort.abort(reason)
      const left = puller
      // Let go at once: a source that never settles must not hold the connection in memory, nor the connection the source.
      puller = receive = fail = undefined
      if (left) release(left, report)
    },
  }
}
