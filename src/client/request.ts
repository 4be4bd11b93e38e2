import { EVENT_STREAM, type HeadersLike } from '../protocol/headers.js'
import { isSameOrigin, redirectOf } from './redirect.js'

/** Headers, or a function that is asked for them anew at each attempt: the place for a token that expires. */
export type HeadersSource = HeadersLike | (() => HeadersLike | Promise<HeadersLike>)

/** What is asked of a `fetch`: the global one, a framework's `app.request`, one with interceptors. */
export type Fetch = (url: string, init: RequestInit) => Response | Promise<Response>

export interface Target {
  readonly url: string
  readonly headers: HeadersSource | undefined
  readonly fetch: Fetch | undefined
  readonly init: RequestInit
}

export interface Answer {
  readonly response: Response
  /** Where it came from in the end. */
  readonly url: string
}

// "If request's redirect count is 20, then return a network error."
const MOST_REDIRECTS = 20

/**
 * Asks for an event stream, and follows redirects so that the caller's headers stay at the origin they were meant for: `fetch` strips
 * `Authorization` on its way to another one and forwards all the rest, `X-Api-Key` and the like (CVE-2022-1650).
 */
export async function request(
  { url, headers, fetch = globalThis.fetch, init }: Target,
  lastEventId: string,
  signal: AbortSignal,
): Promise<Answer> {
  signal.throwIfAborted()
  const own = new Headers(typeof headers === 'function' ? await headers() : headers)
  signal.throwIfAborted()
  let { method = 'GET', body = null, redirect = 'follow' } = init
  const byHand = redirect === 'follow' && [...own].length > 0
  if (byHand) redirect = 'manual'
  let sent = toHeaders(own, lastEventId)
  for (let count = 0; ; count++) {
    const ask = async (headers: Headers, redirect: RequestRedirect): Promise<Answer> => {
      // "Set request's cache mode to `no-store`." Workers of Cloudflare without such a mode throw at the word.
      const cache = 'cache' in Request.prototype && { cache: 'no-store' as const }
      const response = await fetch(url, { ...cache, ...init, method, body, headers, redirect, signal })
      // Not every `fetch` heeds a signal.
      if (signal.aborted) discard(response)
      signal.throwIfAborted()
      return { response, url: response.url || url }
    }
    const answer = await ask(sent, redirect)
    if (!byHand || count === MOST_REDIRECTS) return answer
    const { response } = answer
    if (response.type === 'opaqueredirect') {
      // Browsers don't tell where it leads. So they go there without the caller's headers; those follow if it was at home.
      if (method !== 'GET') return answer
      const there = await ask(toHeaders({}, lastEventId), 'follow')
      if (!isSameOrigin(there.url, url)) return there
      discard(there.response)
      url = there.url
    } else {
      const next = redirectOf({ url, method }, response.status, response.headers.get('location'))
      if (!next) return answer
      discard(response)
      if (next.method !== method) {
        body = null
        // "For each headerName of request-body-header name, delete headerName from request's header list."
        for (const name of ['encoding', 'language', 'location', 'type']) sent.delete(`content-${name}`)
      }
      // Once they are gone they stay gone: who has led astray may not choose where at home they arrive.
      if (!isSameOrigin(next.url, url)) sent = toHeaders({}, lastEventId)
      ;({ url, method } = next)
    }
  }
}

function toHeaders(own: HeadersLike, lastEventId: string): Headers {
  const headers = new Headers(own)
  // "Set (`Accept`, `text/event-stream`) in request's header list"; some APIs want another type beside it.
  if (!headers.has('accept')) headers.set('accept', EVENT_STREAM)
  // "Let lastEventIDValue be the EventSource object's last event ID string, encoded as UTF-8": headers take bytes, a character each.
  let bytes = ''
  for (const byte of new TextEncoder().encode(lastEventId)) bytes += String.fromCharCode(byte)
  // One with control characters would be refused by Node's fetch, at every attempt.
  if (/^[\t -~\x80-\xff]+$/.test(bytes)) headers.set('last-event-id', bytes)
  return headers
}

/** Lets the connection go. */
export function discard({ body }: Response): void {
  body?.cancel().catch(() => {})
}
