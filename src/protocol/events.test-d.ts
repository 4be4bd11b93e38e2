// Type tests: compiled by `npm run types`, never run.
import {
  defineEvents,
  SseItem,
  unchecked,
  type Gap,
  type ItemOf,
  type ReceivedItem,
  type ReceivedOf,
  type StandardSchema,
} from '../index.js'
import { createParser, formatItem, parseEventStream, SseDecoderStream, SseEncoderStream } from './index.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function assert<_ extends true>(): void {}

declare const toNumber: StandardSchema<string, number>
const events = defineEvents({ count: toNumber, stock: unchecked<{ sku: string; left: number }>(), note: unchecked<string>() })

// item(): takes the schema's input, holds its output.
const count = events.item('count', '5')
assert<Same<typeof count, SseItem<number, 'count'>>>()
events.item('stock', { sku: 'a', left: 1 }, { id: 5n, retry: 1, comment: 'c' })
// @ts-expect-error the input of `count` is a string
events.item('count', 5)
// @ts-expect-error `left` is missing
events.item('stock', { sku: 'a' })
// @ts-expect-error no such event
events.item('nope', 1)
// @ts-expect-error the event is the first argument
events.item('note', 'a', { event: 'count' })
// @ts-expect-error `gap` is reserved
defineEvents({ gap: unchecked<string>() })
// @ts-expect-error no schema
defineEvents({ a: String })

// ItemOf: a union that `event` tells apart.
type Item = ItemOf<typeof events>
declare const item: Item
assert<Same<Item['event'], 'count' | 'stock' | 'note'>>()
if (item.event === 'stock') assert<Same<typeof item.data, { sku: string; left: number }>>()
if (item.event === 'count') assert<Same<typeof item.data, number>>()
// @ts-expect-error there is no such event
if (item.event === 'nope') throw new Error()

// ReceivedOf: the same, and `gap`.
type Received = ReceivedOf<typeof events>
declare const received: Received
assert<Same<Received['event'], 'count' | 'stock' | 'note' | 'gap'>>()
if (received.event === 'count') assert<Same<typeof received.data, number>>()
if (received.event === 'gap') assert<Same<typeof received.data, Gap>>()
assert<Same<typeof received.lastEventId, string>>()
function total(one: Received): number {
  switch (one.event) {
    case 'count':
      return one.data
    case 'stock':
      return one.data.left
    case 'note':
      return one.data.length
    case 'gap':
      return one.data.topics.length
  }
}
total(received)
assert<Same<ReceivedOf<undefined>, ReceivedItem>>()
assert<Same<ReceivedItem['data'], string>>()

// SseItem: typed data and event, readonly fields.
assert<Same<SseItem<number, 'a'>['data'], number>>()
const priced = new SseItem({ price: 1 }, { event: 'price', id: 1 })
assert<Same<typeof priced, SseItem<{ price: number }, 'price'>>>()
// @ts-expect-error readonly
priced.data = { price: 2 }
// @ts-expect-error a retry is a number
void new SseItem('a', { retry: '5' })
// @ts-expect-error no such field
void new SseItem('a', { evnt: 'x' })
void new SseItem('a', { event: undefined, id: undefined, retry: undefined, comment: undefined })

// What readers yield can be sent on.
const relayed: SseItem = received
formatItem(relayed)
formatItem({ data: 'a', event: 'b', id: 1 })
// @ts-expect-error an id is text or a number
formatItem({ data: 'a', id: true })
// @ts-expect-error bytes are parsed, not sent: they are no item
formatItem('text')

// Readers.
createParser({ onItem: (one) => one.data.length, onId: undefined })
// @ts-expect-error onItem is what a parser is for
createParser({})
declare const response: Response
for await (const one of parseEventStream(response, { lastEventId: '1', maxBufferSize: 5 })) assert<Same<typeof one, ReceivedItem>>()
// @ts-expect-error a string is no body
parseEventStream('data: a\n\n')
// @ts-expect-error a promise of a Response is none yet
parseEventStream(fetch('/'))
const decoded: ReadableStream<ReceivedItem> = response.body!.pipeThrough(new SseDecoderStream())
const encoded: ReadableStream<Uint8Array> = decoded.pipeThrough(new SseEncoderStream({ serialize: (data) => String(data) }))
void encoded
// @ts-expect-error must return text
void new SseEncoderStream({ serialize: (data) => data })
