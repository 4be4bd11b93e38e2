import { createParser, type Parser } from '../protocol/parse.js'
import type { Opt } from '../protocol/item.js'
import type { ReceivedItem } from '../protocol/received.js'
import { isEventStream } from '../protocol/headers.js'
import { nextTask, sleep, unlessAborted } from '../util/wait.js'
import { watchPage, type Page } from './page.js'
import { isFetchable, pageUrl, parseUrl } from './redirect.js'
import { discard, request, type HeadersSource } from './request.js'

/** The standard's `EventSourceInit`, and what a `fetch` makes possible beyond it. */
export interface EventSourceOptions extends Opt<{
  /** Sends cookies to other origins, too (in browsers). @default false */
  withCredentials: boolean
  /** What is called instead of the global `fetch`. */
  fetch: typeof globalThis.fetch
  /**
   * Headers to send, or a function that is asked for them at each attempt. They stay at the origin of `url`, also when it redirects. To
   * other origins browsers ask for them in a CORS preflight.
   */
  headers: HeadersSource
  /** How long an unfinished item may get, in characters, before the connection is given up for good. @default 16_777_216 (16 Mi) */
  maxBufferSize: number
}> {}

interface EventMap {
  open: Event
  message: MessageEvent
  error: Event
}

type Callback<E> = ((event: E) => unknown) | { handleEvent(event: E): unknown } | null
interface Listening {
  once?: boolean
  passive?: boolean
  capture?: boolean
  signal?: AbortSignal
}

interface Target extends EventTarget {
  addEventListener<K extends keyof EventMap>(type: K, listener: Callback<EventMap[K]>, options?: boolean | Listening): void
  addEventListener(type: string, listener: Callback<MessageEvent>, options?: boolean | Listening): void
  removeEventListener<K extends keyof EventMap>(type: K, listener: Callback<EventMap[K]>, options?: boolean | { capture?: boolean }): void
  removeEventListener(type: string, listener: Callback<MessageEvent>, options?: boolean | { capture?: boolean }): void
}

const CONNECTING = 0
const OPEN = 1
const CLOSED = 2

// "This must initially be an implementation-defined value, probably in the region of a few seconds." As Chromium has it.
const RECONNECTION_TIME = 3000

/**
 * The standard's `EventSource`, on `fetch`: the same class in browsers, Node, Bun, Deno and Workers, with request headers.
 *
 * It reconnects by itself, with the last event ID, after 3000 ms or what the server's `retry:` says. An answer other than 200 with
 * `text/event-stream` closes it for good.
 *
 * @example const source = new EventSource('/events', { headers: () => ({ authorization: `Bearer ${token()}` }) })
 * @throws {DOMException} SyntaxError for a URL that can't be parsed. {TypeError} for `headers` that can't be sent.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#the-eventsource-interface
 */
export class EventSource extends (EventTarget as new () => Target) {
  declare static readonly CONNECTING: 0
  declare static readonly OPEN: 1
  declare static readonly CLOSED: 2
  declare readonly CONNECTING: 0
  declare readonly OPEN: 1
  declare readonly CLOSED: 2
  declare onopen: ((event: Event) => unknown) | null
  declare onmessage: ((event: MessageEvent) => unknown) | null
  declare onerror: ((event: Event) => unknown) | null

  readonly #url: URL
  readonly #options: EventSourceOptions
  readonly #handlers: Record<string, { handler: unknown; readonly listener: (event: Event) => void }> = {}
  readonly #parser: Parser
  readonly #items: ReceivedItem[] = []
  readonly #page: Page
  // The connection, or the wait for it.
  #connection = new AbortController()
  #readyState: number = CONNECTING
  #lastEventId = ''
  #reconnectionTime = RECONNECTION_TIME

  constructor(url: string | URL, options: EventSourceOptions = {}) {
    super()
    if (arguments.length === 0) throw new TypeError('EventSource needs a URL')
    this.#options = { ...options }
    const { headers, maxBufferSize } = this.#options
    // Wrong options are told now rather than at every attempt.
    if (typeof headers !== 'function') void new Headers(headers)
    // One for all connections, because the last event ID stays.
    this.#parser = createParser({
      maxBufferSize,
      onItem: (item) => void this.#items.push(item),
      onId: (id) => (this.#lastEventId = id),
      // "Set the event stream's reconnection time to that integer."
      onRetry: (time) => (this.#reconnectionTime = time),
    })
    const parsed = parseUrl(String(url), pageUrl())
    // "If urlRecord is failure, then throw a "SyntaxError" DOMException."
    if (!parsed) throw new DOMException(`Not a URL: ${JSON.stringify(String(url))}`, 'SyntaxError')
    this.#url = parsed
    this.#page = watchPage(false, () => this.#connection.abort())
    void this.#run()
  }

  get url(): string {
    return this.#url.href
  }

  get withCredentials(): boolean {
    return Boolean(this.#options.withCredentials)
  }

  get readyState(): number {
    return this.#readyState
  }

  /** "Abort any instances of the fetch algorithm started for this EventSource object, and set the readyState attribute to CLOSED." */
  close(): void {
    this.#readyState = CLOSED
    this.#connection.abort()
    this.#page.stop()
  }

  async #run(): Promise<void> {
    for (;;) {
      // What it rejects with is a network error, however it came to be.
      const mayReconnect = await this.#connect().catch(() => true)
      if (this.#readyState === CLOSED) return
      if (!mayReconnect) break
      // "Reestablish the connection": "set the readyState attribute to CONNECTING and fire an event named error at the EventSource object".
      this.#readyState = CONNECTING
      this.dispatchEvent(new Event('error'))
      // "Wait a delay equal to the reconnection time of the event source." Who comes back from the back-forward cache doesn't wait.
      if (this.#page.isAwake) await sleep(this.#reconnectionTime, this.#connection.signal).catch(() => {})
      await this.#page.awake()
      if (this.#readyState === CLOSED) return
    }
    // "Fail the connection": "set the readyState attribute to CLOSED and fire an event named error at the EventSource object".
    this.close()
    this.dispatchEvent(new Event('error'))
  }

  /** Reads one connection to its end. `false` when there is to be no other. */
  async #connect(): Promise<boolean> {
    const { fetch, headers, withCredentials } = this.#options
    const { signal } = (this.#connection = new AbortController())
    await nextTask()
    // "Unless the user agent knows that to be futile, in which case the user agent may fail the connection."
    if (!isFetchable(this.#url)) return false
    const init = withCredentials ? { credentials: 'include' as const } : {}
    const { response, url: finalUrl } = await unlessAborted(
      request({ url: this.url, headers, fetch, init }, this.#lastEventId, signal),
      signal,
    )
    signal.throwIfAborted()
    // "If res's status is not 200, or if res's `Content-Type` is not text/event-stream, then fail the connection."
    if (response.status !== 200 || !isEventStream(response.headers.get('content-type'))) {
      discard(response)
      return false
    }
    // "Announce the connection."
    this.#readyState = OPEN
    await this.#dispatch(new Event('open'))
    const reader = response.body?.getReader()
    try {
      return reader ? await this.#read(reader, new URL(finalUrl).origin, signal) : true
    } finally {
      void reader?.cancel().catch(() => {})
    }
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>, origin: string, signal: AbortSignal): Promise<boolean> {
    this.#parser.end()
    for (let isSound = true; isSound;) {
      const { done, value } = await unlessAborted(reader.read(), signal)
      if (done) return true
      try {
        this.#parser.feed(value)
      } catch {
        // Too long an item would be so again and again.
        isSound = false
      }
      for (const { event, data, lastEventId } of this.#items.splice(0)) {
        // "Dispatches the newly created event": all that the last event ID speaks for, also when the page has gone to sleep meanwhile.
        await this.#dispatch(new MessageEvent(event, { data, origin, lastEventId }))
      }
    }
    return false
  }

  /** "Queue a task which, if the readyState attribute is set to a value other than CLOSED", dispatches the event. */
  async #dispatch(event: Event): Promise<void> {
    if (this.#readyState === CLOSED) return
    this.dispatchEvent(event)
    await nextTask()
  }

  /** An event handler IDL attribute: it takes its place among the listeners when it is first set, and loses it when it is set to null. */
  #handle(type: string, value: unknown): void {
    const known = this.#handlers[type]
    // "[LegacyTreatNonObjectAsNull]"
    const handler = Object(value) === value ? value : null
    if (known && handler) known.handler = handler
    else if (known) {
      this.removeEventListener(type, known.listener)
      delete this.#handlers[type]
    } else if (handler) {
      const set = { handler, listener: (event: Event) => typeof set.handler === 'function' && set.handler.call(this, event) }
      this.#handlers[type] = set
      this.addEventListener(type, set.listener)
    }
  }

  static {
    for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSED })) {
      for (const target of [this, this.prototype]) Object.defineProperty(target, name, { value, enumerable: true })
    }
    for (const type of ['open', 'message', 'error']) {
      Object.defineProperty(this.prototype, `on${type}`, {
        get(this: EventSource) {
          return this.#handlers[type]?.handler ?? null
        },
        set(this: EventSource, handler: unknown) {
          this.#handle(type, handler)
        },
        configurable: true,
      })
    }
    // As the standard's IDL has it, and unlike members of a class.
    for (const name of Object.getOwnPropertyNames(this.prototype)) {
      if (name !== 'constructor') Object.defineProperty(this.prototype, name, { enumerable: true })
    }
    Object.defineProperty(this.prototype, Symbol.toStringTag, { value: 'EventSource', configurable: true })
  }
}
