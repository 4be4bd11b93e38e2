// What an application writes, under the strictest common settings. Compiled with and without the DOM library.
import { createServer } from 'node:http'
import {
  defineEvents,
  sse,
  SseError,
  SseItem,
  unchecked,
  type ItemOf,
  type ReceivedItem,
  type SseErrorCode,
  type SseOptions,
} from 'server-sent'
import { connect, EventSource, type ConnectOptions } from 'server-sent/client'
import type { Engine } from 'server-sent/engines'
import { memoryEngine } from 'server-sent/engines/memory'
import { createHub, pattern, type Hub, type Subscription } from 'server-sent/hub'
import { nodeHandler, sendSse, SseItem as SameItem } from 'server-sent/node'
import { createParser, formatComment, formatItem, parseEventStream, SseDecoderStream, SseEncoderStream } from 'server-sent/protocol'
import { collect } from 'server-sent/testing'

const events = defineEvents({ price: unchecked<{ symbol: string; cents: number }>(), note: unchecked<string>() })

async function* prices(): AsyncGenerator<ItemOf<typeof events>> {
  yield events.item('price', { symbol: 'ACME', cents: 1250 }, { id: 1n })
  yield events.item('note', 'closed', { retry: 5_000 })
  // @ts-expect-error: the data must fit the event
  yield events.item('price', 'cheap')
}

// Options that may be undefined must be assignable under exactOptionalPropertyTypes.
const options: SseOptions = { keepAlive: undefined, retry: 1_000, headers: { 'x-robots-tag': 'noindex' } }

export function clock(request: Request): Response {
  return sse(prices(), { ...options, request })
}

export function clockWithContext(request: Request): Promise<Response> {
  return sse(
    async function* ({ lastEventId, signal }) {
      const from: string = lastEventId
      if (!signal.aborted) yield new SseItem(from, { event: 'start' })
    },
    { request, open: 'first-item' },
  )
}

const engine: Engine = memoryEngine({ maxBytes: undefined })
export const hub: Hub = createHub({
  engine,
  authorize: (request) => ({ read: request.url === '' ? 'a' : pattern('a/*') }),
  topics: undefined,
})
export const handler = nodeHandler(hub)
export const typedHub = createHub({ events, topics: { '**': { history: { size: 10 } } } })

export async function live(request: Request): Promise<Response> {
  const { id } = await hub.publish('a/1', { any: 'thing' }, { idempotencyKey: undefined })
  const subscription: Subscription<SseItem<string>> = hub.subscribe(['a', pattern('a/*')], { lastEventId: id ?? undefined })
  await typedHub.publish('a', events.item('note', 'hello'))
  // @ts-expect-error: only items of its events
  await typedHub.publish('a', 'hello')
  for await (const item of typedHub.subscribe('a')) if (item.event === 'price') return new Response(String(item.data.cents))
  return sse(subscription, { request })
}

export const server = createServer((req, res) => {
  void sendSse(req, res, ({ request, signal }) => [request.url, signal.aborted], { onError: () => undefined })
})

export async function relay(response: Response): Promise<Response> {
  for await (const item of parseEventStream(response, { lastEventId: '' })) {
    const received: ReceivedItem = item
    const [id, data]: [string | undefined, string] = [received.id, received.data]
    if (id === data) break
  }
  return sse(parseEventStream(response))
}

export async function streams(bytes: ReadableStream<Uint8Array>): Promise<ReceivedItem[]> {
  const items = bytes.pipeThrough(new SseDecoderStream({ maxBufferSize: 1_000 }))
  return collect(items.pipeThrough(new SseEncoderStream()).pipeThrough(new SseDecoderStream()), 3, { within: 1_000 })
}

const parser = createParser({ onItem: ({ lastEventId, event }) => console.log(lastEventId.length, event.length) })
parser.feed(formatItem(new SameItem({ any: 'data' })) + formatComment('kept alive'))
parser.end()

export function isOurs(error: unknown): SseErrorCode | undefined {
  return error instanceof SseError ? error.code : undefined
}

// @ts-expect-error: a string is text, not a stream of items
sse('hello')
// @ts-expect-error: a function source needs the request
void sse(() => [1])
// @ts-expect-error: { event, data } looks like an item and is none
sse([{ event: 'price', data: 1 }])

const connectOptions: ConnectOptions<typeof events> = {
  events,
  lastEventId: undefined,
  headers: { authorization: 'Bearer' },
  method: 'GET',
}

export async function follow(signal: AbortSignal): Promise<number> {
  let cents = 0
  const stream = connect('https://example.test/live', { ...connectOptions, signal, reconnect: { max: 5_000 } })
  for await (const item of stream) {
    if (item.event === 'price') cents = item.data.cents
    if (item.event === 'gap') console.log(item.data.reason, stream.status, stream.lastEventId.length)
  }
  return cents
}

export function standard(): EventSource {
  const source = new EventSource('https://example.test/live', { headers: async () => ({ authorization: 'Bearer' }) })
  source.onmessage = ({ data, lastEventId }) => console.log(data, lastEventId)
  source.addEventListener('price', (event) => console.log(event.origin), { once: true })
  if (source.readyState === EventSource.CLOSED) source.close()
  return source
}

// @ts-expect-error: no such event
connect('https://example.test/live', { events, until: (item) => item.event === 'prices' })
