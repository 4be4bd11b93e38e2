// Run by the check, as it is: schemas of three libraries, from sse() to connect(), in one process.
const assert = require('node:assert/strict')
const { type } = require('arktype')
const { defineEvents, sse, SseItem } = require('server-sent')
const { connect } = require('server-sent/client')
const v = require('valibot')
const { z } = require('zod')

const events = defineEvents({
  stock: z.object({ sku: z.string(), left: z.number().int() }),
  price: v.object({ sku: v.string(), cents: v.pipe(v.number(), v.minValue(0)) }),
  notice: type({ text: 'string', 'level?': "'info' | 'warning'" }),
})

async function main() {
  const sent = [
    events.item('stock', { sku: 'a', left: 1 }),
    events.item('price', { sku: 'a', cents: 5 }),
    events.item('notice', { text: 'b' }),
  ]
  const wrong = [
    new SseItem({ sku: 'a', left: 1.5 }, { event: 'stock' }),
    new SseItem({ cents: -1 }, { event: 'price' }),
    new SseItem({ text: 1 }, { event: 'notice' }),
  ]
  for (const [event, data] of [
    ['stock', { sku: 1 }],
    ['price', { sku: 'a', cents: -1 }],
    ['notice', {}],
  ]) {
    assert.throws(() => events.item(event, data), { code: 'SSE_INVALID_DATA' })
  }
  const told = []
  const stream = connect('http://localhost/', {
    events,
    reconnect: false,
    fetch: () => sse([...sent, ...wrong]),
    onInvalid: ({ code, message }) => told.push([code, message]),
  })
  const got = []
  for await (const { event, data } of stream) got.push([event, data])
  assert.deepEqual(got, [
    ['stock', { sku: 'a', left: 1 }],
    ['price', { sku: 'a', cents: 5 }],
    ['notice', { text: 'b' }],
  ])
  assert.deepEqual(
    told.map(([code]) => code),
    ['SSE_INVALID_DATA', 'SSE_INVALID_DATA', 'SSE_INVALID_DATA'],
  )
  assert.match(told[0][1], /left/)
}

main()
