import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { formatComment } from '../protocol/format.js'
import { onAbort } from '../util/abort.js'
import { admit, type Head } from './admit.js'
import { createFeed } from './feed.js'
import { keepAlive, type KeepAlive } from './keep-alive.js'
import { onGone } from './gone.js'
import { settingsOf, type OpenOption, type Settings, type SseOptions } from './options.js'
import { checkItems, release, type Items, type Sendable, type SourceFunction } from './source.js'

export type NodeRequest = IncomingMessage | Http2ServerRequest
export type NodeResponse = ServerResponse | Http2ServerResponse

// How long the last bytes may take when the server ends a stream; then the connection is destroyed.
const LINGER = 1000

const CONNECTION_HEADERS = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

/**
 * Answers a request of `node:http` or `node:http2` (Express, Fastify, Koa) with an event stream:
 * `app.get('/clock', (req, res) => sendSse(req, res, ticks()))`.
 *
 * Resolves when the stream has ended, however it ended. Rejects only while nothing has been sent: a wrong call, a function that
 * threw, or with `open: 'first-item'` a source that failed before its first item; answer with your error handler.
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
    if (typeof source !== 'function') checkItems(source)
    if (res.headersSent) throw new TypeError('`res` has sent its headers already: call sendSse before anything is written')
    const head = admit(req.method ?? 'GET', req.url ?? '', (name) => headerOf(req, name), settings)
    if (head.stream) {
      settings.signal?.throwIfAborted()
      return stream(req, res, source as Items | SourceFunction<unknown, R>, head, settings, resolve, reject)
    }
    release(source, settings.onError)
    const off = onGone(req, res, () => {
      off()
      resolve()
    })
    writeHead(req, res, head)
    res.end(head.body ?? '')
  })
}

function stream<R extends NodeRequest>(
  req: R,
  res: NodeResponse,
  source: Items | SourceFunction<unknown, R>,
  head: Head,
  settings: Settings,
  resolve: () => void,
  reject: (error: unknown) => void,
): void {
  const feed = createFeed<R>(settings)
  let alive: KeepAlive | undefined
  let pulling = false
  let lagging = false
  let linger: ReturnType<typeof setTimeout> | undefined
  const offGone = onGone(req, res, gone)
  const offSignal = onAbort([settings.signal], stop)
  void open()

  async function open(): Promise<void> {
    try {
      if (typeof source === 'function') await feed.open(source, req, head.lastEventId)
      else feed.take(source)
      if (feed.signal.aborted) return
      if (settings.open === 'first-item') feed.pull(begin, refuse)
      else begin('')
    } catch (error) {
      if (feed.signal.aborted) feed.report(error)
      else refuse(error)
    }
  }

  function begin(first: string | undefined): void {
    writeHead(req, res, head)
    res.on('drain', drained)
    alive = keepAlive(settings.keepAlive, () => {
      if (!lagging) write(formatComment())
    })
    write(feed.hello())
    receive(first)
  }

  function pull(): void {
    if (pulling || lagging) return
    pulling = true
    feed.pull(receive, fail)
  }

  function receive(text: string | undefined): void {
    pulling = false
    if (text === undefined) return end(feed.bye())
    write(text)
    pull()
  }

  function write(text: string): void {
    if (text === '') return
    alive?.touch()
    // The kernel has enough: the source isn't pulled until `drain`.
    if (!(res as ServerResponse).write(text)) lagging = true
    // Compression middleware holds small writes back until it is told.
    if ('flush' in res && typeof res.flush === 'function') res.flush()
  }

  function drained(): void {
    lagging = false
    pull()
  }

  /** Before anything was sent. */
  function refuse(error: unknown): void {
    leave()
    offGone()
    reject(error)
  }

  function fail(error: unknown): void {
    feed.report(error)
    end('')
  }

  function stop(reason: unknown): void {
    if (!res.headersSent) {
      feed.leave(reason)
      return refuse(reason)
    }
    linger = setTimeout(() => res.destroy(), LINGER)
    end('', reason)
  }

  function end(bye: string, reason?: unknown): void {
    write(bye)
    leave(reason)
    res.end()
  }

  function gone(): void {
    leave()
    offGone()
    clearTimeout(linger)
    resolve()
  }

  function leave(reason?: unknown): void {
    feed.leave(reason)
    alive?.stop()
    res.off('drain', drained)
    offSignal()
  }
}

function writeHead(req: NodeRequest, res: NodeResponse, { status, headers }: Head): void {
  res.statusCode = status
  res.removeHeader('content-length')
  for (const [name, value] of headers) {
    // "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields."
    if (req.httpVersionMajor >= 2 && CONNECTION_HEADERS.has(name)) continue
    const before = name === 'vary' || name === 'set-cookie' ? res.getHeader(name) : undefined
    res.setHeader(name, before === undefined ? value : [before, value].flat().map(String))
  }
}

function headerOf(req: NodeRequest, name: string): string | undefined {
  const value = req.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}
