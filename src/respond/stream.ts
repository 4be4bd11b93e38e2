import { formatItem, formatValue } from '../protocol/format.js'
import { END_ID } from '../protocol/headers.js'
import type { Opt } from '../protocol/item.js'
import { keepAlive, type KeepAlive } from './keep-alive.js'
import type { Feed, FeedSource } from './feed.js'
import type { Settings } from './options.js'
import type { Sink } from './sink.js'
import { pullerOf, type Items, type Puller, type SourceFunction } from './source.js'

/** One source on its way to one client, whatever carries it: opened, pulled item by item, and let go exactly once. */
export interface EventStream<R> {
  /** Aborts when the stream is over, for whatever reason. */
  readonly signal: AbortSignal
  /**
   * Takes the source; a function is called and awaited, and with `open: 'first-item'` its first item, too. Rejects with what they
   * throw; then nothing has been sent, and the source is let go.
   */
  open(source: Items | SourceFunction<unknown, R>, request: R): Promise<void>
  /** The same for items alone, at once. @throws {TypeError} for what is no source. */
  take(items: unknown): void
  /** Begins to send. */
  begin(sink: Sink): void
  /** Asks for the next item, unless it is on its way. */
  pull(): void
  /** The signal aborts first, so that a generator that heeds it stops waiting; then the iterator is returned. Safe to call twice. */
  leave(reason?: unknown): void
}

// One for all: an error made at the leaving has a stack that holds the response, for as long as a source holds its signal.
const OVER = /* @__PURE__ */ AbortSignal.abort().reason as unknown

/** @param signals End the stream from outside. @param lastEventId Where the client wants to go on. */
export function createStream<R>(settings: Settings, signals: readonly (AbortSignal | undefined)[], lastEventId: string): EventStream<R> {
  // Not `settings` itself, which has the request: a source that never settles must not hold it.
  const { serialize, event, retry, reconnect, onError, open, keepAlive: silence } = settings
  const abort = new AbortController()
  const { signal } = abort
  let puller: Opt<Puller & Pick<Feed, 'pull'>> | undefined
  let sink: Sink | undefined
  let alive: KeepAlive | undefined
  let first: Promise<string | undefined> | undefined
  let pulling = false
  // The client has taken all there was: only then is a keep-alive of use.
  let isAsked = false
  for (const outer of signals) {
    if (outer?.aborted) end(outer.reason)
    // Given our own signal, the listener goes when the stream is left.
    else outer?.addEventListener('abort', () => end(outer.reason), { signal })
  }

  async function next(): Promise<string | undefined> {
    const { done, value } = await (puller as Puller).next()
    if (!done) return formatValue(value, serialize, event)
    // One that has ended is not returned.
    puller = undefined
  }

  function take(items: unknown): void {
    puller = (items as Partial<FeedSource> | undefined)?.['~feed']?.(lastEventId) ?? pullerOf(items)
    if (signal.aborted) leave()
  }

  function write(text: string): void {
    isAsked = false
    sink?.write(text)
    alive?.touch()
  }

  function pullFeed(): true | undefined {
    return puller?.pull?.((sink as Required<Sink>).feed, finish, fail, silence, (sink as Required<Sink>).drop)
  }

  /** Ends the stream from this side. */
  function end(reason?: unknown, last = ''): void {
    const to = sink
    leave(reason)
    to?.write(last)
    to?.end()
  }

  /** The source has ended by itself. */
  function finish(): void {
    end(undefined, reconnect ? '' : formatItem({ id: END_ID }))
  }

  function fail(error: unknown): void {
    report(error)
    // As the reason, so that a ReadableStream that fails again when it is cancelled isn't reported twice.
    end(error)
  }

  function leave(reason: unknown = OVER): void {
    abort.abort(reason)
    alive?.stop()
    const from = puller
    // Let go at once: a source that never settles must not hold the connection in memory, nor the connection the source.
    puller = sink = undefined
    // Not awaited by anybody: a generator that waits answers only when its wait settles.
    ;(async () => from?.return?.())().catch(report)
  }

  /** An error in mid-stream or after it: for the server's eyes only. */
  function report(error: unknown): void {
    // A source that heeds its signal by throwing the reason has done as it was told.
    const isHeeded = signal.aborted && (error === signal.reason || (error as Error | undefined)?.name === 'AbortError')
    if (!isHeeded) (async () => onError(error))().catch(console.error)
  }

  return {
    signal,
    take,
    leave,
    async open(source, request) {
      try {
        take(typeof source === 'function' ? await source({ request, signal, lastEventId }) : source)
        if (puller?.next && open === 'first-item') {
          // A client that leaves meanwhile reads no answer, but whoever awaits it goes on.
          await new Promise((resolve, reject) => {
            signal.onabort = resolve
            ;(first = next()).then(resolve, reject)
          })
        }
      } catch (error) {
        if (signal.aborted) return report(error)
        leave(error)
        throw error
      }
    },
    begin(to) {
      if (signal.aborted) return to.end()
      sink = to
      // Headers without a body would wait in many a proxy and framework.
      write(formatItem({ comment: '', retry }))
      // From now on, whenever the answer is read.
      pullFeed()
    },
    pull() {
      isAsked = true
      if (sink && !pullFeed()) {
        // Not before: a Response that nobody reads is never left, and must not be kept alive.
        alive ??= keepAlive(silence, () => isAsked && write(formatItem({ comment: '' })))
        if (pulling) return
        pulling = true
        ;(first ?? next()).then((text) => {
          pulling = false
          if (text) write(text)
          else finish()
        }, fail)
        first = undefined
      }
    },
  }
}
