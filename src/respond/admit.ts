import { acceptsEventStream, END_ID, EVENT_STREAM, lastEventIdOf } from '../protocol/headers.js'
import type { Cors, Settings } from './options.js'

type GetHeader = (name: string) => string | null | undefined

/** The head of an answer. `stream`: an event stream follows; otherwise it is the whole answer. */
export interface Head {
  readonly status: number
  readonly headers: Headers
  readonly body: string | undefined
  readonly stream: boolean
  readonly lastEventId: string
}

/**
 * Decides by the request alone: an event stream, or an answer that needs no source (a preflight, HEAD, 406, or the 204 that ends a
 * client's reconnecting).
 */
export function admit(method: string | undefined, url: string, header: GetHeader, { headers: more, cors, reconnect }: Settings): Head {
  const headers = new Headers(more)
  const preset = (name: string, value: string): void => {
    if (!headers.has(name)) headers.set(name, value)
  }
  // no-transform: a proxy that compresses would hold items back, and nginx would without X-Accel-Buffering.
  preset('cache-control', 'no-cache, no-transform')
  preset('x-accel-buffering', 'no')
  if (cors) allowOrigin(headers, header('origin'), cors)
  const lastEventId = lastEventIdOf(header('last-event-id'), url)
  const head = (status: number, type?: string, body?: string): Head => {
    if (type) headers.set('content-type', type)
    return { status, headers, body, stream: status === 200 && method !== 'HEAD', lastEventId }
  }

  if (method === 'OPTIONS') return head(204)
  if (!acceptsEventStream(header('accept'))) {
    return head(406, 'application/json', `{"code":"NOT_ACCEPTABLE","message":"Send Accept: ${EVENT_STREAM}"}`)
  }
  // "Clients will reconnect if the connection is closed; a client can be told to stop reconnecting using the HTTP 204 No Content response code."
  return !reconnect && lastEventId === END_ID ? head(204) : head(200, EVENT_STREAM)
}

/** What lets a page of another origin read an answer. */
export function allowOrigin(headers: Headers, origin: string | null | undefined, { origin: allowed, credentials }: Cors): void {
  headers.append('vary', 'Origin')
  if (origin && [allowed].flat().some((one) => (typeof one === 'function' ? one(origin) : one === '*' || one === origin))) {
    headers.set('access-control-allow-origin', allowed === '*' ? allowed : origin)
    // Only a preflight's answer is read for these; GET, HEAD and POST need no permission.
    headers.set('access-control-allow-headers', 'Last-Event-ID, Authorization, Cache-Control, Content-Type')
    if (credentials) headers.set('access-control-allow-credentials', 'true')
  }
}
