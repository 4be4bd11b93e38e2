import { connect, type EventStream } from 'server-sent/client'
import { events } from '../server/ward-events.js'
import { createCard, type Card, type CardStream, type Reading } from './card.js'
import type { StreamState } from './live-stream.js'

const EVERY = 2_000

/** The card of `connect()`: typed events, a header of its own, and waits that can be seen to grow and to vary. */
export function createWard(id: string): Card {
  const waits = document.querySelector(`#${id} .waits`) as HTMLElement
  const stream = new Connection((reading) => card.show(reading))
  const card = createCard(id, stream)
  stream.onwaits = (delays) => {
    waits.textContent =
      delays.length === 0 ? 'No waits: it is connected.' : `Waits: ${delays.map((delay) => `${(delay / 1_000).toFixed(1)} s`).join(', ')}`
  }
  return card
}

/** `connect()` with the buttons of a card. */
class Connection implements CardStream {
  readonly url = '/ward'
  readonly header = 'X-Ward: 7'
  state: StreamState = { name: 'stopped' }
  onstate: () => void = () => {}
  onitem: (event: MessageEvent<string>) => void = () => {}
  onwire: (text: string, direction?: '>' | '<') => void = () => {}
  /** The waits since the last connection, in milliseconds. */
  onwaits: (delays: readonly number[]) => void = () => {}

  readonly #show: (reading: Reading) => void
  #readings: EventStream<unknown> | undefined
  #lastEventId = ''
  #delays: number[] = []
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(show: (reading: Reading) => void) {
    this.#show = show
  }

  get isStarted(): boolean {
    return this.state.name !== 'stopped' && this.state.name !== 'failed'
  }

  start(): void {
    if (!this.isStarted) void this.#run()
  }

  stop(): void {
    this.#readings?.close()
    if (this.isStarted) this.#enter({ name: 'stopped' })
  }

  reconnectNow(): void {
    if (this.state.name !== 'reconnecting') return
    this.#readings?.close()
    void this.#run()
  }

  async #run(): Promise<void> {
    this.#enter({ name: 'connecting', since: Date.now() })
    // snippet: ward-client
    const readings = connect('/ward', {
      events,
      headers: { 'X-Ward': '7' },
      lastEventId: this.#lastEventId,
      reconnect: { min: 1_000, max: 20_000 },
      pauseWhenHidden: true,
      onOpen: () => this.#opened(),
      onReconnect: ({ delay }) => this.#waits(delay),
      fetch: (url, init) => this.#fetch(url, init),
    })
    // end
    this.#readings = readings
    try {
      // snippet: ward-client
      for await (const { event, data, lastEventId } of readings) {
        if (event === 'heartRate') this.#received(data.rate, data.ward, lastEventId)
      }
      // end
    } catch (error) {
      if (this.#readings === readings) this.#enter({ name: 'failed', reason: String(error) })
    }
  }

  #received(rate: number, ward: string, lastEventId: string): void {
    this.#lastEventId = lastEventId
    // The id counts readings: it tells when this one was taken.
    this.#show({ rate, time: new Date(Number(lastEventId) * EVERY) })
    this.onitem(new MessageEvent('heartRate', { data: JSON.stringify({ rate, ward }), lastEventId }))
  }

  #opened(): void {
    this.#delays = []
    this.onwaits(this.#delays)
    this.#enter({ name: 'live' })
  }

  #waits(delay: number): void {
    if (document.hidden) return this.#enter({ name: 'paused' })
    this.#delays.push(delay)
    this.onwaits(this.#delays)
    this.#enter({ name: 'reconnecting', at: Date.now() + delay })
    this.#timer = setTimeout(() => this.#enter({ name: 'connecting', since: Date.now() }), delay)
  }

  /** What is sent and what comes, for the wire. */
  async #fetch(url: string, init: RequestInit): Promise<Response> {
    this.onwire(`GET ${this.url}`, '>')
    for (const [name, title] of [
      ['x-ward', 'X-Ward'],
      ['last-event-id', 'Last-Event-ID'],
    ] as const) {
      const value = new Headers(init.headers).get(name)
      if (value !== null) this.onwire(`${title}: ${value}`, '>')
    }
    const response = await fetch(url, init)
    this.onwire(`${response.status} ${response.headers.get('content-type') ?? ''}`.trim(), '<')
    void this.#copy(response.clone())
    return response
  }

  async #copy(response: Response): Promise<void> {
    const decoder = new TextDecoder()
    const reader = response.body?.getReader()
    try {
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
        if (done) return
        this.onwire(decoder.decode(value, { stream: true }))
      }
    } catch {
      // Cut with the connection that it is a copy of.
    }
  }

  #enter(state: StreamState): void {
    clearTimeout(this.#timer)
    this.state = state
    this.onstate()
  }
}
