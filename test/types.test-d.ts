// Type tests: compiled by `npm run types`, never run.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createServer2, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import {
  defineEvents,
  sse,
  SseItem,
  unchecked,
  type HeadersLike,
  type ItemOf,
  type Items,
  type ReceivedItem,
  type SourceContext,
  type SourceFunction,
  type SseOptions,
} from '../src/index.js'
import { sendSse, type sse as sseOfNode, type NodeRequest, type NodeResponse } from '../src/node.js'
import { parseEventStream } from '../src/protocol/index.js'
import { collect } from '../src/testing/index.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function assert<_ extends true>(): void {}

declare const request: Request
declare const response: Response
declare const req: IncomingMessage
declare const res: ServerResponse
declare const req2: Http2ServerRequest
declare const res2: Http2ServerResponse

const events = defineEvents({ price: unchecked<{ eur: number }>(), note: unchecked<string>() })

async function* strings(): AsyncGenerator<string> {
  yield 'a'
}
async function* objects(): AsyncGenerator<{ rate: number; at: Date }> {
  yield { rate: 75, at: new Date() }
}
async function* items(): AsyncGenerator<SseItem<number, 'heartRate'>> {
  yield new SseItem(75, { event: 'heartRate', id: 1n })
}
async function* typed(): AsyncGenerator<ItemOf<typeof events>> {
  yield events.item('price', { eur: 1 })
  yield events.item('note', 'a')
}
async function* mixed(): AsyncGenerator<string | { data: 1 } | SseItem> {
  yield 'a'
}
async function* anything(): AsyncGenerator<any> {
  yield { event: 'a', data: 1 }
}
async function* unknowns(): AsyncGenerator {
  yield 1
}
async function* lookAlikes(): AsyncGenerator<{ event: string; data: number }> {
  yield { event: 'a', data: 1 }
}
async function* bytes(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array()
}

// What may be streamed.
assert<Same<ReturnType<typeof one>, Response>>()
function one(): Response {
  return sse(strings())
}
sse(objects())
sse(items())
sse(typed())
sse(mixed())
sse(anything())
sse(unknowns())
sse(['a', 1, null])
sse([Promise.resolve('a')])
sse(new Set(['a']))
sse(new Map([['a', 1]]))
sse([new Date()])
sse([{ data: 1 }])
sse([{ event: 'a' }])
sse([{ event: 5, data: 1 }])
sse([new SseItem('a'), { rate: 1 }, 'b'])
sse([events.item('price', { eur: 1 })])
sse(new ReadableStream<string>())
sse(parseEventStream(response))
sse(
  (async function* () {
    yield 'a'
  })(),
)
sse(
  (function* () {
    yield 5
  })(),
)
declare const some: Items<string | number>
sse(some)

// What looks sendable and is not.
// @ts-expect-error wrap { event, data } in an SseItem
sse(lookAlikes())
async function* inferred() {
  yield { event: 'a', data: 1 }
}
// @ts-expect-error the same, inferred
sse(inferred())
// @ts-expect-error the same, in an array
sse([{ event: 'a', data: 1 }])
// @ts-expect-error the same, one of several
sse(['a', { event: 'a', data: 1, id: '1' }])
// @ts-expect-error the same, in a ReadableStream
sse(new ReadableStream<{ event: 'a'; data: string }>())
// @ts-expect-error bytes are parsed first
sse(bytes())
// @ts-expect-error bytes are parsed first
sse(response.body!)
// @ts-expect-error there may be no body
sse(response.body)
// @ts-expect-error a Buffer is bytes
sse([Buffer.from('a')])
// @ts-expect-error a string would be sent letter by letter
sse('hello')
// @ts-expect-error a promise is awaited first
sse(Promise.resolve(['a']))
// @ts-expect-error a Response is parsed first
sse(response)
// @ts-expect-error no source
sse(undefined)
// @ts-expect-error no source
sse({ data: 'a' })
// @ts-expect-error no such event
events.item('nope', 1)
// @ts-expect-error an id is text or a number
void new SseItem('a', { id: true })

// A function needs the request, and is answered with a promise.
const answer = sse(
  async ({ lastEventId, signal, request: asked }) => {
    assert<Same<typeof lastEventId, string>>()
    assert<Same<typeof signal, AbortSignal>>()
    assert<Same<typeof asked, Request>>()
    return strings()
  },
  { request },
)
assert<Same<typeof answer, Promise<Response>>>()
void sse(() => ['a'], { request, open: 'first-item' })
void sse(strings, { request })
async function* ofContext({ lastEventId }: SourceContext): AsyncGenerator<string> {
  yield lastEventId
}
void sse(ofContext, { request })
const source: SourceFunction<string> = () => ['a']
void sse(source, { request, open: undefined })
// @ts-expect-error without the request
sse(() => ['a'])
// @ts-expect-error without the request
sse(() => ['a'], {})
// @ts-expect-error without the request
sse(async () => strings(), { retry: 5 })
// @ts-expect-error without the request
sse(strings)
// @ts-expect-error it must give items
void sse(() => 'hello', { request })
// @ts-expect-error it must give items
void sse(() => {}, { request })
// @ts-expect-error bytes are parsed first
void sse(() => response.body!, { request })
// @ts-expect-error wrap { event, data } in an SseItem
void sse(() => [{ event: 'a', data: 1 }], { request })
// @ts-expect-error wrap { event, data } in an SseItem
void sse(lookAlikes, { request })
// @ts-expect-error items are answered at once, first or not
sse(['a'], { open: 'first-item' })

// Options.
const options: SseOptions = {
  event: 'a',
  retry: 1,
  keepAlive: 0,
  headers: [['a', 'b']],
  signal: AbortSignal.timeout(1),
  serialize: (data) => String(data),
  reconnect: false,
  onError: (error) => void error,
  cors: { origin: ['https://a.example'] as const, credentials: true },
}
sse(['a'], { ...options, request })
sse(['a'], {
  request: undefined,
  event: undefined,
  retry: undefined,
  keepAlive: undefined,
  headers: undefined,
  signal: undefined,
  serialize: undefined,
  reconnect: undefined,
  onError: undefined,
  cors: undefined,
})
sse(['a'], { cors: { origin: (origin) => origin.endsWith('.example') } })
const headersLike: HeadersLike = new Headers()
sse(['a'], { headers: headersLike })
// @ts-expect-error a string
sse(['a'], { event: 5 })
// @ts-expect-error milliseconds
sse(['a'], { retry: '5' })
// @ts-expect-error milliseconds
sse(['a'], { keepAlive: '15s' })
// @ts-expect-error milliseconds, or 0
sse(['a'], { keepAlive: false })
// @ts-expect-error what new Headers() takes
sse(['a'], { headers: 5 })
// @ts-expect-error its signal
sse(['a'], { signal: new AbortController() })
// @ts-expect-error must return text
sse(['a'], { serialize: (data: unknown) => data })
// @ts-expect-error true or false
sse(['a'], { reconnect: 'no' })
// @ts-expect-error a function
sse(['a'], { onError: true })
// @ts-expect-error an object
sse(['a'], { cors: '*' })
// @ts-expect-error an origin, a list or a function
sse(['a'], { cors: { origin: true } })
// @ts-expect-error no such option
sse(['a'], { keepalive: 5 })
// @ts-expect-error one of two
void sse(() => ['a'], { request, open: 'first' })

// sendSse: the same, with the requests and responses of Node.
const sent = sendSse(req, res, strings())
assert<Same<typeof sent, Promise<void>>>()
void sendSse(req2, res2, typed(), { event: 'a', open: 'first-item' })
void sendSse(req, res, mixed())
void sendSse(req, res, anything())
void sendSse(req, res, [{ data: 1 }])
void sendSse(req, res, parseEventStream(response))
void sendSse(req, res, ({ request: asked, lastEventId }) => {
  assert<Same<typeof asked, IncomingMessage>>()
  return [lastEventId]
})
void sendSse(req2, res2, async ({ request: asked }) => {
  assert<Same<typeof asked, Http2ServerRequest>>()
  return strings()
})
void sendSse(req, res, strings)
declare const anyReq: NodeRequest
declare const anyRes: NodeResponse
void sendSse(anyReq, anyRes, strings())
createServer((req, res) => void sendSse(req, res, strings()))
createServer2((req, res) => void sendSse(req, res, strings()))
// @ts-expect-error wrap { event, data } in an SseItem
void sendSse(req, res, lookAlikes())
// @ts-expect-error wrap { event, data } in an SseItem
void sendSse(req, res, () => [{ event: 'a', data: 1 }])
// @ts-expect-error wrap { event, data } in an SseItem
void sendSse(req, res, lookAlikes)
// @ts-expect-error bytes are parsed first
void sendSse(req, res, response.body!)
// @ts-expect-error bytes are parsed first
void sendSse(req, res, bytes())
// @ts-expect-error a string would be sent letter by letter
void sendSse(req, res, 'hello')
// @ts-expect-error a promise is awaited, by the function too
void sendSse(req, res, Promise.resolve(['a']))
// @ts-expect-error the other way round
void sendSse(res, req, ['a'])
// @ts-expect-error a Request is for sse()
void sendSse(request, res, ['a'])
// @ts-expect-error milliseconds
void sendSse(req, res, ['a'], { keepAlive: '15s' })
// @ts-expect-error one of two
void sendSse(req, res, ['a'], { open: 'later' })

// Frameworks' requests and responses are those of Node and more.
interface ExpressRequest<P = Record<string, string>> extends IncomingMessage {
  params: P
  query: Record<string, unknown>
}
interface ExpressResponse extends ServerResponse {
  json(body: unknown): this
  flush(): void
}
declare const app: { get(path: string, handle: (req: ExpressRequest<{ sku: string }>, res: ExpressResponse) => unknown): void }
app.get('/stock/:sku', (req, res) => sendSse(req, res, strings()))
app.get('/stock/:sku', (req, res) =>
  sendSse(req, res, async function* ({ request: asked }) {
    yield asked.params.sku
  }),
)
declare const fastify: { raw: { req: typeof req; res: typeof res } }
void sendSse(fastify.raw.req, fastify.raw.res, strings())

// Everything of the package is in its part for Node, too.
assert<Same<typeof sseOfNode, typeof sse>>()

// collect(): received items of an endpoint, anything else as it is.
const received = collect(fetch('http://a'), 2)
assert<Same<typeof received, Promise<ReceivedItem[]>>>()
const collected = collect(objects(), 2, { within: 100 })
assert<Same<typeof collected, Promise<{ rate: number; at: Date }[]>>>()
void collect(response, 1, { within: undefined })
// @ts-expect-error a count
void collect(response)
// @ts-expect-error milliseconds
void collect(response, 1, { within: '1s' })
