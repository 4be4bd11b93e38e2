import type { ServerResponse } from 'node:http'
import type { Answerer } from './answer.js'
import { onGone } from './gone.js'
import { CONNECTION_HEADERS, sendSse, type NodeRequest, type NodeResponse } from './node.js'

// Nothing that would make a URL's path, query or user of it.
const HOST = /^[^/?#@\\\s]+$/

/**
 * Answers requests of `node:http` or `node:http2` (Express, Fastify, Koa) with a hub, or with whatever else has a `fetch`:
 * `createServer(nodeHandler(hub)).listen(5000)`.
 *
 * Its promise resolves when the answer has been sent or the client is gone. It never rejects, because `createServer` doesn't look: what
 * `fetch` throws is answered with 500 and goes to `console.error`. Mount it before what reads bodies (`express.json()`).
 */
export function nodeHandler(
  hub: { fetch(request: Request): Promise<Response> | Response } & Partial<Answerer>,
): (req: NodeRequest, res: NodeResponse) => Promise<void> {
  return async (req, res) => {
    const left = new AbortController()
    // On Node 20 the signal of a Request that nobody holds any more says nothing: it is held until it is answered.
    let request: Request | undefined
    const offGone = onGone(req, res, () => {
      left.abort()
      request = undefined
    })
    try {
      request = toRequest(req, left.signal)
      if (!request) return refuse(res, 400, 'BAD_REQUEST', "The request's method, path, host or headers make no sense: look at them")
      const given = await (hub['~answer']?.(request, req.socket.remoteAddress) ?? hub.fetch(request))
      // By itself from here on: it listens for the client's leaving, and knows the request's last event ID.
      if ('source' in given) {
        const sent = sendSse(req, res, given.source, given.options)
        request = undefined
        await sent
      } else await send(req, res, given, left.signal)
    } catch (error) {
      if (left.signal.aborted) return
      console.error(error)
      // Whatever has begun for it is let go.
      left.abort()
      if (res.headersSent) res.destroy()
      else refuse(res, 500, 'INTERNAL_ERROR', 'The server failed; its log says why. Try again later')
    } finally {
      offGone()
      // What nobody has read of the body must not stand before the connection's next request.
      if (!req.destroyed) req.resume()
    }
  }
}

/** `undefined` for one that has no meaning in Fetch: a host with spaces, TRACE. */
function toRequest(req: NodeRequest, signal: AbortSignal): Request | undefined {
  const { method = 'GET', url = '/', headers } = req
  const isSecure = 'encrypted' in req.socket
  // Without one: HTTP/1.0, as some health checks speak it.
  const host = String(headers[':authority'] ?? headers.host ?? 'localhost')
  if (!HOST.test(host)) return undefined
  try {
    const given = new Headers()
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined && !name.startsWith(':')) given.set(name, [value].flat().join(', '))
    }
    if (!given.has('host')) given.set('host', host)
    // A request may name its whole URL: "the server MUST ignore the received Host header field".
    const target = url.startsWith('/') ? `${isSecure ? 'https' : 'http'}://${host}${url}` : url
    const hasBody = method !== 'GET' && method !== 'HEAD'
    const init: RequestInit & { duplex: 'half' } = { method, headers: given, signal, duplex: 'half', body: hasBody ? bodyOf(req) : null }
    return new Request(target, init)
  } catch {
    return undefined
  }
}

/** The body as it is asked for. Not `Readable.toWeb()`: whoever stops reading would cut the connection, and with it the answer. */
function bodyOf(req: NodeRequest): ReadableStream<Uint8Array> {
  let chunks: AsyncIterator<Uint8Array> | undefined
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // An empty body and one that somebody else has read look alike, but for this.
        if (!chunks && req.readableDidRead && req.readableEnded && req.headers['content-length'] !== '0')
          throw new Error('The body has been read already: mount nodeHandler() before express.json() and its like')
        chunks ??= (req as AsyncReadable).iterator({ destroyOnReturn: false })
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await chunks?.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}

interface AsyncReadable {
  iterator(options: { destroyOnReturn: boolean }): AsyncIterator<Uint8Array>
}

async function send(req: NodeRequest, res: NodeResponse, { status, headers, body }: Response, signal: AbortSignal): Promise<void> {
  res.statusCode = status
  for (const [name, value] of headers) {
    if (req.httpVersionMajor >= 2 && CONNECTION_HEADERS.has(name)) continue
    if (name === 'set-cookie') res.appendHeader(name, value)
    else res.setHeader(name, value)
  }
  const reader = body?.getReader()
  if (!reader || req.method === 'HEAD') {
    res.end()
    await reader?.cancel()
    return
  }
  // The client may wait for the head of a stream that has nothing to say yet.
  ;(res as ServerResponse).flushHeaders()
  // Answers a read that waits, too.
  const cancel = (): void => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', cancel)
  if (signal.aborted) cancel()
  for (;;) {
    const { done, value } = await reader.read()
    if (done || signal.aborted) break
    if (!(res as NodeJS.WritableStream).write(value)) await drained(res, signal)
  }
  res.end()
}

function drained(res: NodeResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      res.off('drain', go)
      signal.removeEventListener('abort', go)
      resolve()
    }
    res.on('drain', go)
    signal.addEventListener('abort', go)
    if (signal.aborted) go()
  })
}

function refuse(res: NodeResponse, status: number, code: string, message: string): void {
  res.statusCode = status
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify({ code, message }))
}
