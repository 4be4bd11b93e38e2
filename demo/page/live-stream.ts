import { createParser } from 'server-sent/protocol'

export type StreamState =
  | { readonly name: 'stopped' | 'live' | 'paused' }
  | { readonly name: 'connecting'; readonly since: number }
  /** `at`: when the next attempt is made, in milliseconds since 1970. */
  | { readonly name: 'reconnecting'; readonly at: number }
  /** The server has answered, but with no event stream: by the standard that is final. */
  | { readonly name: 'failed'; readonly reason: string }

type Listener = (event: MessageEvent<string>) => void

/** What browsers wait when no `retry` has told them otherwise is theirs to choose; most take three seconds. */
const RETRY = 3_000

/**
 * An EventSource with a window: the same rules, built from fetch and the parser of `server-sent/protocol`. The browser's own one does
 * not tell what came over the wire, which `retry` it has seen, or when it will try again, and can't be started again or told to
 * try now; this page shows all of that. Where nothing of it is shown, on the page of patterns, it is the browser's own.
 *
 * It starts with `start()`. While the page is hidden it holds no connection: browsers open six per host on HTTP/1.1, for all tabs.
 */
export class LiveStream extends EventTarget {
  state: StreamState = { name: 'stopped' }
  /** The reconnection time in milliseconds: the last `retry` seen. */
  retry = RETRY
  /** Kept when the stream is stopped, so that starting it again goes on where it was. */
  lastEventId = ''

  onstate: () => void = () => {}
  /** Called for every item, whatever its event, and after its listeners. */
  onitem: Listener = () => {}
  oncomment: (text: string) => void = () => {}
  /** What is sent (`>`), the head of what is answered (`<`), and then the stream itself, as it comes. */
  onwire: (text: string, direction?: '>' | '<') => void = () => {}

  readonly #url: () => string
  #connection: AbortController | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(url: string | (() => string)) {
    super()
    this.#url = typeof url === 'string' ? () => url : url
    document.addEventListener('visibilitychange', () => this.#visibilityChanged())
  }

  /** The path and query it is read from. */
  get url(): string {
    return this.#url()
  }

  get isStarted(): boolean {
    return this.state.name !== 'stopped' && this.state.name !== 'failed'
  }

  // As EventSource has it: a listener for any event gets its message.
  override addEventListener(event: string, listener: Listener): void
  override addEventListener(...of: Parameters<EventTarget['addEventListener']>): void
  override addEventListener(event: string, listener: unknown, options?: boolean | AddEventListenerOptions): void {
    super.addEventListener(event, listener as EventListener, options)
  }

  /** Does nothing when it is started already: there is never more than one connection. */
  start(): void {
    if (this.isStarted) return
    this.#restart()
  }

  stop(): void {
    this.#leave()
    if (this.isStarted) this.#enter({ name: 'stopped' })
  }

  /** Ends the wait before the next attempt. */
  reconnectNow(): void {
    if (this.state.name === 'reconnecting') this.#restart()
  }

  #restart(): void {
    this.#leave()
    if (document.hidden) this.#enter({ name: 'paused' })
    else void this.#connect()
  }

  async #connect(): Promise<void> {
    const { signal } = (this.#connection = new AbortController())
    this.#enter({ name: 'connecting', since: Date.now() })
    try {
      const response = await fetch(this.url, { headers: this.#headers(), cache: 'no-store', signal })
      const type = response.headers.get('content-type')
      this.onwire(`${response.status}${type ? ` ${type}` : ''}`, '<')
      // "if res's status is not 200, or if res's `Content-Type` is not `text/event-stream`, then fail the connection."
      if (response.status !== 200 || !type?.startsWith('text/event-stream')) {
        this.#leave()
        return this.#enter({ name: 'failed', reason: `the server has answered ${response.status}${type ? ` (${type})` : ''}` })
      }
      this.#enter({ name: 'live' })
      await this.#read(response.body as ReadableStream<Uint8Array>, signal)
    } catch (error) {
      if (!signal.aborted) console.info(`${this.url}: ${String(error)}`)
    }
    // Cut off, ended, or never reached: all the same to an EventSource.
    if (!signal.aborted) this.#wait()
  }

  async #read(body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<void> {
    const parser = createParser({
      lastEventId: this.lastEventId,
      onItem: ({ event, data, lastEventId }) => {
        const message = new MessageEvent(event, { data, lastEventId, origin: location.origin })
        this.dispatchEvent(message)
        this.onitem(message)
      },
      onId: (id) => (this.lastEventId = id),
      onRetry: (retry) => (this.retry = retry),
      onComment: (text) => this.oncomment(text),
    })
    const reader = body.getReader()
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    for (;;) {
      const { done, value } = await reader.read()
      if (done || signal.aborted) return
      const text = decoder.decode(value, { stream: true })
      this.onwire(text)
      parser.feed(text)
    }
  }

  #headers(): Record<string, string> {
    this.onwire(`GET ${this.url}`, '>')
    if (this.lastEventId === '') return { Accept: 'text/event-stream' }
    this.onwire(`Last-Event-ID: ${this.lastEventId}`, '>')
    // The standard sends it as UTF-8; fetch takes a character per byte.
    const bytes = String.fromCharCode(...new TextEncoder().encode(this.lastEventId))
    return { Accept: 'text/event-stream', 'Last-Event-ID': bytes }
  }

  #wait(): void {
    this.#timer = setTimeout(() => this.#restart(), this.retry)
    this.#enter({ name: 'reconnecting', at: Date.now() + this.retry })
  }

  #visibilityChanged(): void {
    if (!this.isStarted) return
    if (!document.hidden) {
      if (this.state.name === 'paused') this.#restart()
      return
    }
    this.#leave()
    this.#enter({ name: 'paused' })
  }

  #leave(): void {
    clearTimeout(this.#timer)
    this.#connection?.abort()
    this.#connection = undefined
  }

  #enter(state: StreamState): void {
    this.state = state
    this.onstate()
  }
}
