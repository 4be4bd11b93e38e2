import { mustBe } from '../protocol/fields.js'
import type { Opt } from '../protocol/item.js'
import type { ReceivedOf } from '../protocol/events.js'
import type { OnInvalid } from '../protocol/typed.js'
import type { Backoff } from '../util/backoff.js'
import { isFetchable, pageUrl, parseUrl } from './redirect.js'
import type { Fetch, HeadersSource, Target } from './request.js'

export type AnyEvents = { readonly '~out': unknown } | undefined

/** Why and when a connection is made again. */
export interface Reconnect {
  /** The how-manieth try since the last connection that held: 1, 2, ... */
  readonly attempt: number
  /** Milliseconds until then. */
  readonly delay: number
  /** What the network failed with, or an SseError: SSE_CLOSED (the server ended the stream), SSE_IDLE, SSE_BAD_RESPONSE. */
  readonly reason: unknown
}

/** All times are milliseconds. What else `fetch` takes (`method`, `body`, `credentials`, ...) is passed on. */
export interface ConnectOptions<E = undefined>
  extends
    Omit<RequestInit, 'headers'>,
    Opt<{
      /** A `defineEvents()` map, shared with the server: items come parsed, validated and typed. Without it data is the text that was sent. */
      events: E
      /**
       * Headers to send, or a function that is asked for them at each attempt; then a 401 is answered by asking it once more. They stay at
       * the origin of `url`, also when it redirects.
       */
      headers: HeadersSource
      /** What is called instead of the global `fetch`. */
      fetch: Fetch
      /** Where to start: one that was stored. @default '' */
      lastEventId: string
      /**
       * Whether to connect again when the connection ends or fails. A wait has a random length up to a ceiling: `min` (or what the
       * server's `retry:` says) at first, doubled at each further try up to `max`, and back at `min` after a connection that held for
       * `resetAfter`. With anything but GET it must be asked for: what was posted would be posted again.
       *
       * @default true for GET: { min: 1000, max: 30_000, resetAfter: 10_000 }; else false
       */
      reconnect: boolean | Opt<{ min: number; max: number; resetAfter: number }>
      /** Silence, comments counted as life, after which a connection is taken for dead; three keep-alives of our server. 0: never. @default 45_000 */
      idleTimeout: number
      /** How long an unfinished item may get, in characters, before SSE_BUFFER_LIMIT is thrown. @default 16_777_216 (16 Mi) */
      maxBufferSize: number
      /** One connection for all tabs of a browser. Not available yet: `true` throws a TypeError. @default false */
      shared: boolean
      /** Lets the connection go while the page is hidden, and resumes when it is seen again. Where there is no page it does nothing. @default false */
      pauseWhenHidden: boolean
      /** The loop ends with the first item for which this is true; it is still given to the loop. */
      until: (item: ReceivedOf<E>) => boolean
      /** Called for each connection that is made. The body is being read already. */
      onOpen: (response: Response) => void
      /** Called for each connection that is going to be made again. */
      onReconnect: (info: Reconnect) => void
      /** Called with what is then skipped. Without it an unknown event is skipped without a word, and invalid data throws in the loop. */
      onInvalid: OnInvalid
    }> {}

export interface ConnectSettings {
  readonly target: Target
  readonly backoff: Backoff & { readonly resetAfter: number }
  readonly reconnect: boolean
  readonly idleTimeout: number
}

/** The options that need a check or have a default. @throws {TypeError} */
export function settingsOf(url: string | URL, options: ConnectOptions<AnyEvents>): ConnectSettings {
  const { headers, fetch, reconnect, idleTimeout = 45_000, shared, body = null } = options
  const method = options.method?.toUpperCase() ?? 'GET'
  const parsed = parseUrl(String(url), pageUrl())
  if (!parsed || !isFetchable(parsed)) throw new TypeError(mustBe('url', 'an http(s) URL without a password', String(url)))
  if (shared) throw new TypeError('`shared` is not available yet')
  // Told now: later, fetch's TypeError couldn't be told from a network that failed, and would be tried again and again.
  void new Request(parsed.href, { method, body: body && '' })
  if (typeof headers !== 'function') void new Headers(headers)
  if (reconnect && body instanceof ReadableStream)
    throw new TypeError(mustBe('body', 'sendable again with `reconnect`, not a stream', body))
  const { min = 1000, max = 30_000, resetAfter = 10_000 } = Object(reconnect) as Exclude<typeof reconnect, boolean | undefined>
  for (const [name, time] of Object.entries({ idleTimeout, min, max, resetAfter })) {
    if (typeof time !== 'number' || !(time >= 0)) throw new TypeError(mustBe(name, 'milliseconds >= 0', time))
  }
  return {
    target: { url: parsed.href, headers, fetch, init: { ...options, method, body } as RequestInit },
    backoff: { min, max, resetAfter },
    reconnect: Boolean(reconnect ?? method === 'GET'),
    idleTimeout,
  }
}
