import { formatComment } from '../protocol/format.js'
import { onAbort } from '../util/abort.js'
import { admit } from './admit.js'
import { createFeed, type Feed } from './feed.js'
import { keepAlive, type KeepAlive } from './keep-alive.js'
import { settingsOf, type OpenOption, type SseOptions } from './options.js'
import { checkItems, release, type Items, type Sendable, type SourceFunction } from './source.js'

/**
 * An event stream as a `Response`, for Fetch runtimes and frameworks: `app.get('/clock', () => sse(ticks()))`.
 *
 * Strings are sent as they are, SseItems with their fields, anything else as JSON. The source is pulled only as fast as the client
 * reads. When the client leaves, the iterator is returned at once.
 *
 * A function is called (and awaited) before anything is sent; what it throws is the framework's to answer. Neither it nor the items
 * are touched for HEAD, a preflight, or a client that accepts no event stream (406).
 *
 * @throws {TypeError} for what is no source, an option of the wrong type, or what needs `request` without it: a function,
 * `reconnect: false`, `cors`.
 */
export function sse<T>(items: Items<T> & Sendable<T>, options?: SseOptions & { request?: Request | undefined }): Response
export function sse<T>(source: SourceFunction<T> & Sendable<T>, options: SseOptions & { request: Request } & OpenOption): Promise<Response>
export function sse(source: Items | SourceFunction, options: SseOptions & { request?: Request | undefined } & OpenOption = {}): Response | Promise<Response> {
  const settings = settingsOf(options)
  const { request } = options
  const isCalled = typeof source === 'function'
  if (!request && (isCalled || settings.cors || !settings.reconnect)) throw new TypeError('`request` is missing: a function, `cors` and `reconnect: false` need it')
  if (!isCalled) checkItems(source)

  const head = admit(request?.method ?? 'GET', request?.url ?? '', (name) => request?.headers.get(name), settings)
  const feed = createFeed<Request>(settings)
  const respond = (first?: string): Response => new Response(head.stream ? streamOf(feed, signals, settings.keepAlive, first) : head.body, head)
  const signals = [request?.signal, settings.signal]
  if (isCalled) return head.stream ? open(source) : Promise.resolve(respond())
  if (head.stream) feed.take(source)
  else release(source, feed.report)
  return respond('')

  async function open(source: SourceFunction): Promise<Response> {
    const off = onAbort(signals, feed.leave)
    try {
      await feed.open(source, request as Request, head.lastEventId)
      return respond(settings.open === 'first-item' ? await firstOf(feed) : '')
    } catch (error) {
      feed.leave()
      throw error
    } finally {
      off()
    }
  }
}

function firstOf(feed: Feed<Request>): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    // A client that leaves meanwhile reads no answer, but whoever awaits it goes on.
    feed.signal.onabort = () => resolve('')
    feed.pull(resolve, reject)
  })
}

/**
 * The feed as bytes. With a high-water mark of 0 an item is pulled only for a reader that waits.
 *
 * @param first What was pulled already; `undefined` when that was the end.
 */
function streamOf(feed: Feed<Request>, signals: readonly (AbortSignal | undefined)[], silence: number, first: string | undefined): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let controller: ReadableStreamDefaultController<Uint8Array>
  let alive: KeepAlive | undefined
  let off: (() => void) | undefined
  // Set while a reader waits. A keep-alive may answer it, and the item then goes to the next.
  let answer: (() => void) | undefined
  let pulling = false

  function send(text: string): void {
    if (text) controller.enqueue(encoder.encode(text))
    alive?.touch()
    answer?.()
    answer = undefined
  }

  function receive(text: string | undefined): void {
    pulling = false
    if (text === undefined) close(feed.bye())
    else send(text)
  }

  function fail(error: unknown): void {
    feed.report(error)
    close('')
  }

  function close(last: string, reason?: unknown): void {
    leave(reason)
    send(last)
    controller.close()
  }

  function leave(reason?: unknown): void {
    feed.leave(reason)
    alive?.stop()
    off?.()
  }

  return new ReadableStream<Uint8Array>(
    {
      start(started) {
        controller = started
        send(feed.hello())
        off = onAbort(signals, (reason) => close('', reason))
        if (!feed.signal.aborted) receive(first)
      },
      pull: () =>
        new Promise<void>((resolve) => {
          answer = resolve
          // Not before somebody reads: an answer that is thrown away must not be kept alive.
          alive ??= keepAlive(silence, () => answer && send(formatComment()))
          if (!pulling) feed.pull(receive, fail)
          pulling = true
        }),
      cancel: leave,
    },
    { highWaterMark: 0 },
  )
}
