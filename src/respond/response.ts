import { admit } from './admit.js'
import type { FeedSource } from './feed.js'
import { settingsOf, type OpenOption, type SseOptions } from './options.js'
import type { Items, Sendable, SourceFunction } from './source.js'
import { createStream, type EventStream } from './stream.js'

/**
 * An event stream as a `Response`, for Fetch runtimes and frameworks: `app.get('/clock', () => sse(ticks()))`.
 *
 * Strings are sent as they are, SseItems with their fields, anything else as JSON. The source is pulled only as fast as the client
 * reads. When the client leaves, the iterator is returned at once.
 *
 * A function is called (and awaited) before anything is sent; what it throws is the framework's to answer. Neither it nor the items
 * are touched for HEAD, a preflight, or a client that accepts no event stream (406).
 *
 * @throws {TypeError} for what is no source, an option of the wrong type, or what needs `request` without it: a function, a hub's
 * subscription, `reconnect: false`, `cors`.
 */
export function sse<T>(items: Items<T> & Sendable<T>, options?: SseOptions & { request?: Request | undefined }): Response
export function sse<T>(source: SourceFunction<T> & Sendable<T>, options: SseOptions & { request: Request } & OpenOption): Promise<Response>
export function sse(
  source: Items | SourceFunction,
  options: SseOptions & { request?: Request | undefined } & OpenOption = {},
): Response | Promise<Response> {
  const settings = settingsOf(options)
  const { request } = options
  const isCalled = typeof source === 'function'
  if (!request && (isCalled || (source as Partial<FeedSource>)['~feed'] || settings.cors || !settings.reconnect))
    throw new TypeError('A function, subscription, `cors` and `reconnect` need `request`')

  const head = admit(request?.method, request?.url ?? '', (name) => request?.headers.get(name), settings)
  const stream = createStream<Request>(settings, [request?.signal, settings.signal], head.lastEventId)
  const respond = (): Response => new Response(head.stream ? bodyOf(stream) : head.body, head)
  // What is taken after that is let go without being started.
  if (!head.stream) stream.leave()
  if (isCalled) return (head.stream ? stream.open(source, request as Request) : Promise.resolve()).then(respond)
  stream.take(source)
  return respond()
}

/** The stream as bytes. With a high-water mark of 0 an item is pulled only for a reader that waits. */
function bodyOf(stream: EventStream<Request>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  // Set while a reader waits. A keep-alive may answer it, and the item then goes to the next.
  let answer: (() => void) | undefined
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const put = (bytes: Uint8Array): boolean => {
          controller.enqueue(bytes)
          answer?.()
          return false
        }
        stream.begin({
          write(text) {
            if (text) put(encoder.encode(text))
          },
          feed: ({ bytes }) => put(bytes),
          end: () => controller.close(),
          drop: () => controller.error(),
        })
      },
      pull: () =>
        new Promise<void>((resolve) => {
          answer = resolve
          stream.pull()
        }),
      cancel: stream.leave,
    },
    { highWaterMark: 0 },
  )
}
