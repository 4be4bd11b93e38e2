import { onTestFinished } from 'vitest'
import { connect } from '../../src/client/connect.js'
import { parseCursor } from '../../src/hub/cursor.js'
import type { Gap } from '../../src/protocol/events.js'
import { createParser } from '../../src/protocol/parse.js'
import { positionOf, type Acknowledged, type Position, type Received } from './account.js'
import { eventually } from './patience.js'

export interface ReaderOptions {
  readonly name: string
  readonly topics: readonly string[]
  /** Of nodes. It begins with the first, and tries the next when a connection is lost. */
  readonly urls: readonly string[]
  /** @default '/events' */
  readonly path?: string
  /** Silence after which it takes the connection for dead, in milliseconds. @default 45_000, three keep-alives */
  readonly idleTimeout?: number
}

/** One client over real connections: what it got is judged at once where that can be. */
export interface Reader {
  readonly name: string
  readonly topics: readonly string[]
  readonly received: readonly Received[]
  readonly gaps: readonly Gap[]
  readonly items: number
  /** How many connections it has had. */
  readonly connections: number
  /** Keep-alives: comments, and blocks that have but an id. */
  readonly quiet: number
  /** When something came last, whatever it was. */
  readonly lastAt: number
  /** The position that it would come back with. */
  readonly lastEventId: string
  /** Lets its connection go; back by come(). */
  leave(): void
  come(): void
  /** @throws {Error} What broke a rule. */
  check(): void
}

/** Follows topics from the earliest item on; comes back by itself; gone with the test. */
export function createReader({ name, topics, urls, path = '/events', idleTimeout = 45_000 }: ReaderOptions): Reader {
  const received: Received[] = []
  const state = { items: 0, connections: 0, quiet: 0, lastAt: 0, lastEventId: '' }
  const query = topics.map((topic) => `topic=${topic}`).join('&')
  let failure: Error | undefined
  let stop = new AbortController()
  let at = 0

  /** On the next node, if the last one has failed; and with an eye on every byte. */
  async function fetchNode(url: string, init: RequestInit): Promise<Response> {
    const { pathname, search } = new URL(url)
    const response = await fetch(`${urls[at++ % urls.length]}${pathname}${search}`, init)
    if (response.status !== 200) return response
    at--
    state.connections++
    return new Response(response.body?.pipeThrough(watchIds()), response)
  }

  /** Law 2: ids on a connection never go down. */
  function watchIds(): TransformStream<Uint8Array, Uint8Array> {
    let last: { readonly epoch: string; readonly seq: number } | undefined
    const parser = createParser({
      onComment: () => state.quiet++,
      onId(id) {
        state.quiet++
        const cursor = parseCursor(id)
        if (!cursor) return fail(`${JSON.stringify(id)} is no id of a hub`)
        if (last && cursor.epoch === last.epoch && cursor.seq < last.seq)
          fail(`on one connection ${id} came after ${last.epoch}-${last.seq}`)
        last = cursor
      },
      onItem: ({ id }) => void (state.quiet -= id === undefined ? 0 : 1),
    })
    return new TransformStream({
      transform(chunk, controller) {
        state.lastAt = performance.now()
        parser.feed(chunk)
        controller.enqueue(chunk)
      },
      flush: () => void at++,
    })
  }

  function fail(message: string): void {
    failure ??= new Error(`${name}: ${message}`)
  }

  async function read(signal: AbortSignal): Promise<void> {
    const stream = connect(`http://node${path}?${query}&from=earliest`, {
      signal,
      idleTimeout,
      lastEventId: state.lastEventId,
      fetch: fetchNode,
      reconnect: { min: 50, max: 300 },
    })
    for await (const { event, data, id } of stream) {
      if (event === 'gap') received.push({ gap: JSON.parse(data) as Gap })
      else {
        state.items++
        received.push({ id: id ?? '', data })
      }
      state.lastEventId = stream.lastEventId
    }
  }

  function come(): void {
    stop = new AbortController()
    const { signal } = stop
    read(signal).catch((error: unknown) => {
      if (!signal.aborted) failure ??= error as Error
    })
  }

  come()
  onTestFinished(() => stop.abort())
  return {
    name,
    topics,
    received,
    get gaps() {
      return received.flatMap((one) => ('gap' in one ? [one.gap] : []))
    },
    get items() {
      return state.items
    },
    get connections() {
      return state.connections
    },
    get quiet() {
      return state.quiet
    },
    get lastAt() {
      return state.lastAt
    },
    get lastEventId() {
      return state.lastEventId
    },
    leave: () => stop.abort(),
    come,
    check() {
      if (failure) throw failure
    },
  }
}

/** Waits until readers have come to the last item of each of their topics, or to a gap that ends there. */
export async function caughtUp(readers: readonly Reader[], acknowledged: readonly Acknowledged[]): Promise<void> {
  const last = new Map<string, Position>()
  for (const { topic, id } of acknowledged) {
    const position = positionOf(id)
    const other = last.get(topic)
    // One that was repeated may be noted late.
    if (other?.epoch !== position.epoch || other.seq < position.seq) last.set(topic, position)
  }
  for (const reader of readers) {
    const due = [...last].filter(([topic]) => reader.topics.includes(topic))
    await eventually(
      () => {
        reader.check()
        const ends = reader.received.slice(-20).map((one) => positionOf('gap' in one ? one.gap.to : one.id))
        return due.every(([, { epoch, seq }]) => ends.some((end) => end.epoch === epoch && end.seq >= seq))
      },
      () =>
        `${reader.name} at ${due.map(([topic, { epoch, seq }]) => `${topic} ${epoch}-${seq}`).join(', ')}; it has ${reader.items} items, the last are ${JSON.stringify(reader.received.slice(-3))}`,
    )
  }
}
