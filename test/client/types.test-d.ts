// Type tests: compiled by `npm run types`, never run.
import { connect, EventSource, type ConnectOptions, type EventStream, type Status } from '../../src/client/index.js'
import { defineEvents, sse, SseItem, unchecked, type Gap, type ReceivedItem, type SseError, type StandardSchema } from '../../src/index.js'

// oxlint-disable no-new -- that is how types are compared
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function assert<_ extends true>(): void {}

// The class of lib.dom and ours, one for the other.
const Ctor: typeof globalThis.EventSource = EventSource
const instance: globalThis.EventSource = new EventSource('/live')
const back: EventSource['onmessage'] = instance.onmessage
function standard(source: globalThis.EventSource): string {
  source.onopen = function (event) {
    const [self, type]: [globalThis.EventSource, string] = [this, event.type]
    return [self, type]
  }
  source.addEventListener('message', ({ data, lastEventId }) => console.log(data, lastEventId))
  return source.url
}
standard(new EventSource(new URL('http://a.example'), { withCredentials: true }))
standard(new Ctor('/live'))
void back

// Ours alone.
const source = new EventSource('/live', {
  headers: async () => ({ authorization: 'Bearer' }),
  fetch,
  maxBufferSize: 1000,
  withCredentials: undefined,
})
new EventSource('/live', { headers: new Headers() })
new EventSource('/live', { headers: [['a', 'b']] })
assert<Same<typeof source.readyState, number>>()
assert<Same<typeof EventSource.OPEN, 1>>()
source.onmessage = ({ data, lastEventId }) => console.log(data, lastEventId)
source.onmessage = null
source.onerror = (event) => console.log(event.type)
source.addEventListener('message', (event) => assert<Same<typeof event, MessageEvent>>())
source.addEventListener('open', (event) => assert<Same<typeof event, Event>>())
source.addEventListener('heartRate', (event) => assert<Same<typeof event, MessageEvent>>(), {
  once: true,
  signal: new AbortController().signal,
})
source.addEventListener('heartRate', { handleEvent: (event) => console.log(event.data) })
source.addEventListener('heartRate', null)
// @ts-expect-error read-only
source.url = ''
// @ts-expect-error a function, or headers
new EventSource('/live', { headers: 5 })
// @ts-expect-error no such option
new EventSource('/live', { timeout: 5 })

// Without events: text.
const plain = connect('/live')
assert<Same<typeof plain, EventStream<ReceivedItem>>>()
assert<Same<typeof plain.status, Status>>()
for await (const item of plain) {
  assert<Same<typeof item.data, string>>()
  assert<Same<typeof item.event, string>>()
  assert<Same<typeof item.lastEventId, string>>()
}
sse(plain)

// With events: a union that `event` tells apart, with what each schema gives, and gaps.
declare const toNumber: StandardSchema<string, number>
const events = defineEvents({ count: toNumber, stock: unchecked<{ sku: string; left: number }>(), note: unchecked<string>() })
const typed = connect('/live', {
  events,
  until: (item) => item.event === 'stock' && item.data.left === 0,
  onInvalid: (error, item) => assert<Same<[typeof error, typeof item], [SseError, ReceivedItem]>>(),
})
for await (const item of typed) {
  assert<Same<typeof item.event, 'count' | 'stock' | 'note' | 'gap'>>()
  if (item instanceof SseItem) console.log('it is')
  switch (item.event) {
    case 'count':
      assert<Same<typeof item.data, number>>()
      break
    case 'stock':
      assert<Same<typeof item.data, { sku: string; left: number }>>()
      break
    case 'note':
      assert<Same<typeof item.data, string>>()
      break
    case 'gap':
      assert<Same<typeof item.data, Gap>>()
      break
    default:
      assert<Same<typeof item, never>>()
  }
  // @ts-expect-error no such event
  if (item.event === 'nope') break
}

// Options: those of fetch, all may be undefined, and a wrong one is told.
const options: ConnectOptions = {
  method: 'POST',
  body: '{}',
  credentials: 'include',
  signal: undefined as never,
  reconnect: undefined,
  headers: undefined,
}
connect('/live', options)
connect('/live', { reconnect: { min: 5, max: undefined } })
connect('/live', { fetch: (url, init) => new Response(url + String(init.method)) })
connect('/live', { fetch })
connect('/live', {
  onReconnect: ({ attempt, delay, reason }) => assert<Same<[typeof attempt, typeof delay, typeof reason], [number, number, unknown]>>(),
})
connect('/live', { onOpen: ({ status }) => console.log(status) })
// @ts-expect-error milliseconds
connect('/live', { idleTimeout: '5s' })
// @ts-expect-error a defineEvents() map
connect('/live', { events: { note: unchecked<string>() } })
// @ts-expect-error text, without events
connect('/live', { until: (item) => item.data.left === 0 })
