import { setMaxListeners } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { admit, type Head } from './admit.js'
import type { FeedSource } from './feed.js'
import { onGone } from './gone.js'
import { createNodeWriter } from './node-writer.js'
import { settingsOf, type OpenOption, type SseOptions } from './options.js'
import type { Items, Sendable, SourceContext, SourceFunction } from './source.js'
import { createStream } from './stream.js'

export type NodeRequest = IncomingMessage | Http2ServerRequest
export type NodeResponse = ServerResponse | Http2ServerResponse

// How long the last bytes may take when the server ends a stream; then the connection is destroyed.
const LINGER = 500

const CONNECTION_HEADERS = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

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
  return new Promise((resolve, reject) => {
    const settings = settingsOf(options)
    if (res.headersSent) throw new TypeError('`res` has sent its headers already: call sendSse before anything is written')
    const head = admit(req.method ?? 'GET', req.url ?? '', (name) => headerOf(req, name), settings)
    // One signal for all streams of a server is the usual way: no leak to warn of.
    if (settings.signal) setMaxListeners(0, settings.signal)
    const stream = createStream<R>(settings, [settings.signal], head.lastEventId)
    let linger: ReturnType<typeof setTimeout> | undefined
    let lagging = false
    let isFed = false
    const watch = (items: Items<T>): Items<T> => {
      isFed = typeof (items as Partial<FeedSource> | undefined)?.['~feed'] === 'function'
      return items
    }
    const watched = typeof source === 'function' ? async (context: SourceContext<R>) => watch(await source(context)) : watch(source)
    const writer = createNodeWriter(req, res, drained)
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
      // What is written to the connection past the response must not be followed by another one.
      if (isFed) head.headers.set('connection', 'close')
      writeHead(req, res, head)
      if (!head.stream) return void res.end(head.body ?? '')
      stream.begin({ write, feed: writer.feed, end, drop: () => res.destroy() })
    }

    function write(text: string): void {
      // False: the kernel has enough. The source isn't pulled until `drain`.
      if (text !== '' && !writer.write(text)) lagging = true
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
      writer.stop()
      offGone()
      stream.signal.removeEventListener('abort', ended)
    }
  })
}

function writeHead(req: NodeRequest, res: NodeResponse, { status, headers }: Head): void {
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
