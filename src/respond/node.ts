import { setMaxListeners } from 'node:events'
import type { ServerResponse } from 'node:http'
import { admit, type Head } from './admit.js'
import type { FeedSource } from './feed.js'
import { onGone } from './gone.js'
import { sendFeed } from './node-feed.js'
import type { NodeRequest, NodeResponse } from './node-raw.js'
import { settingsOf, type OpenOption, type Settings, type SseOptions } from './options.js'
import type { Items, Sendable, SourceContext, SourceFunction } from './source.js'
import { createStream } from './stream.js'

export type { NodeRequest, NodeResponse } from './node-raw.js'

// How long the last bytes may take when the server ends a stream; then the connection is destroyed.
const LINGER = 500

/** What a message of HTTP/2 must not have. */
export const CONNECTION_HEADERS = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

/**
 * Answers a request of `node:http` or `node:http2` (Express, Fastify, Koa) with an event stream:
 * `app.get('/clock', (req, res) => sendSse(req, res, ticks()))`.
 *
 * Resolves when the stream has ended, however it ended. Rejects only while nothing has been sent: a wrong call, a function that
 * threw, with `open: 'first-item'` a source that failed before its first item, or a `signal` that aborted before the start; answer
 * with your error handler.
 *
 * @see sse for what may be streamed.
 */
export function sendSse<T, R extends NodeRequest>(
  req: R,
  res: NodeResponse,
  source: (Items<T> | SourceFunction<T, R>) & Sendable<T>,
  options: SseOptions & OpenOption = {},
): Promise<void> {
  try {
    const settings = settingsOf(options)
    if (res.headersSent) throw new TypeError('`res` has sent its headers already: call sendSse before anything is written')
    const head = admit(req.method ?? 'GET', req.url ?? '', (name) => headerOf(req, name), settings)
    const isFeed = head.stream && !settings.signal?.aborted && isFeedSource(source)
    // Nothing of this call is kept by a feed: it may be one of thousands of streams on which nothing happens.
    if (isFeed) return beginFeed(req, res, source, settings, head)
    return new Promise((resolve, reject) => sendItems(req, res, source, settings, head, resolve, reject))
  } catch (error) {
    return Promise.reject(error)
  }
}

/** What isn't ready by itself: a function, or items that are pulled one by one. */
function sendItems<T, R extends NodeRequest>(
  req: R,
  res: NodeResponse,
  source: Items<T> | SourceFunction<T, R>,
  settings: Settings,
  head: Head,
  resolve: () => void,
  reject: (error: unknown) => void,
): void {
  // One signal for all streams of a server is the usual way: no leak to warn of.
  if (settings.signal) setMaxListeners(0, settings.signal)
  const stream = createStream<R>(settings, [settings.signal], head.lastEventId)
  let linger: ReturnType<typeof setTimeout> | undefined
  let lagging = false
  let feed: FeedSource | undefined
  /** A subscription goes its own way, with no item to pull here. */
  const watch = (items: Items<T>): Items<T> => {
    if (!isFeedSource(items)) return items
    feed = items
    return []
  }
  const watched = typeof source === 'function' ? async (context: SourceContext<R>) => watch(await source(context)) : source
  const offGone = onGone(req, res, gone)
  if (!head.stream) stream.leave()
  else if (stream.signal.aborted) refuse(stream.signal.reason)
  else stream.signal.addEventListener('abort', ended)
  // Items are opened in any case: after leaving that lets them go, without starting them.
  const opened = typeof source === 'function' && stream.signal.aborted ? Promise.resolve() : stream.open(watched, req)
  opened.then(begin).catch(refuse)

  function begin(): void {
    if (head.stream && stream.signal.aborted) return
    stream.signal.removeEventListener('abort', ended)
    if (feed) return void beginFeed(req, res, feed, settings, head).then(gone)
    writeHead(req, res, head)
    if (!head.stream) return void res.end(head.body ?? '')
    res.on('drain', drained)
    stream.begin({ write, end })
  }

  function write(text: string): void {
    // False: the kernel has enough. The source isn't pulled until `drain`.
    if (text !== '' && !(res as ServerResponse).write(text)) lagging = true
    // Compression middleware holds small writes back until it is told.
    if ('flush' in res && typeof res.flush === 'function') res.flush()
    if (!lagging) stream.pull()
  }

  function drained(): void {
    lagging = false
    stream.pull()
  }

  function end(): void {
    res.end()
    // A client that doesn't read must not hold up a server that wants to stop.
    if (settings.signal?.aborted) linger = setTimeout(() => res.destroy(), LINGER)
  }

  /** Before it has begun: the server stops, or the source failed. */
  function ended(): void {
    refuse(stream.signal.reason)
  }

  /** Nothing has been sent. */
  function refuse(error: unknown): void {
    stream.leave(error)
    leave()
    reject(error)
  }

  function gone(): void {
    // First: a client that leaves before the stream has begun refuses nothing.
    leave()
    stream.leave()
    resolve()
  }

  function leave(): void {
    clearTimeout(linger)
    res.off('drain', drained)
    offGone()
    stream.signal.removeEventListener('abort', ended)
  }
}

function beginFeed(req: NodeRequest, res: NodeResponse, source: FeedSource, settings: Settings, head: Head): Promise<void> {
  // What is written to the connection past the response must not be followed by another one.
  head.headers.set('connection', 'close')
  writeHead(req, res, head)
  return sendFeed(req, res, source['~feed'](head.lastEventId), settings, LINGER)
}

function isFeedSource(source: unknown): source is FeedSource {
  return typeof (source as Partial<FeedSource> | undefined)?.['~feed'] === 'function'
}

function writeHead(req: NodeRequest, res: NodeResponse, { status, headers }: Head): void {
  // How long the body is, nobody knows.
  headers.delete('content-length')
  // Written at once they take no memory while the stream lasts.
  const isBlank = req.httpVersionMajor === 1 && res.getHeaderNames().length === 0
  if (isBlank) return void (res as ServerResponse).writeHead(status, [...headers].flat())
  res.statusCode = status
  for (const [name, value] of headers) {
    // "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields."
    if (req.httpVersionMajor >= 2 && CONNECTION_HEADERS.has(name)) continue
    const before = name === 'vary' || name === 'set-cookie' ? res.getHeader(name) : undefined
    res.setHeader(name, before === undefined ? value : [before, value].flat().map(String))
  }
  res.removeHeader('content-length')
}

function headerOf(req: NodeRequest, name: string): string | undefined {
  const value = req.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}
