import { expect, test } from 'vitest'
import { STATUSES } from '../../demo/server/store/events.js'
import { createFaultProxy } from '../helpers/fault-proxy.js'
import { until } from '../helpers/until.js'
import { ADA, dataOf, type Following } from './shopper.js'
import { closeAll, describeStores, untilEnd } from './stores.js'

closeAll()

describeStores('the orders of a customer', { STORE_STEP_MS: '300' }, (stand) => {
  test('are seen step by step, each once and in order, to the end', async () => {
    const shopper = stand().shopper()
    await shopper.signIn(ADA)
    const { lastEventId } = await shopper.orders()
    const stream = untilEnd(shopper.follow('/store/orders/events', { lastEventId }))
    const order = await shopper.order('WEA-001', 3)
    await delivered(stream, order)
    expect(stepsOf(stream, order)).toEqual(STATUSES)
    const told = dataOf(stream.items, 'order').filter(({ id }) => id === order)
    expect(told.map(({ steps }) => steps.map(({ status }) => status))).toEqual(STATUSES.map((_, index) => STATUSES.slice(0, index + 1)))
    const times = told.at(-1)?.steps.map(({ at }) => at) ?? []
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect((await shopper.orders()).orders.find(({ id }) => id === order)?.steps).toEqual(told.at(-1)?.steps)
    // And then nothing more happens to it.
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(stepsOf(stream, order)).toEqual(STATUSES)
  })

  test('cut off for a while, the customer then sees every step that was missed, once', async () => {
    const shopper = stand().shopper()
    await shopper.signIn(ADA)
    const proxy = await createFaultProxy({ port: stand().demo.port })
    const stream = untilEnd(shopper.follow('/store/orders/events', { base: proxy.url }))
    await until('it follows', () => stream.opened.length > 0)
    const first = await shopper.order('WEA-001')
    await stream.first('its first step', (item) => item.event === 'order' && item.data.id === first)
    proxy.cut({ for: 3_600_000 })
    const second = await shopper.order('WEA-001')
    const cut = stream.items.length
    await until('both are delivered', async () =>
      (await shopper.orders()).orders.slice(0, 2).every(({ steps }) => steps.length === STATUSES.length),
    )
    expect(stream.items).toHaveLength(cut)
    proxy.heal()
    await delivered(stream, second)
    expect(stepsOf(stream, first)).toEqual(STATUSES)
    expect(stepsOf(stream, second)).toEqual(STATUSES)
    expect(dataOf(stream.items, 'gap')).toEqual([])
  })

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'go on after the server was ended with %s, and so does the stream, without a gap',
    async (signal) => {
      const shopper = stand().shopper()
      await shopper.signIn(ADA)
      const stream = untilEnd(shopper.follow('/store/orders/events'))
      await until('it follows', () => stream.opened.length > 0)
      const order = await shopper.order('WEA-001')
      await stream.first('it is paid', (item) => item.event === 'order' && item.data.id === order && item.data.status === 'paid')
      await stand().restart(signal)
      await delivered(stream, order)
      expect(stepsOf(stream, order)).toEqual(STATUSES)
      expect(dataOf(stream.items, 'gap')).toEqual([])
      await until('it follows again', () => stream.opened.length > 1)
    },
  )

  test('come without those of guests, which nobody follows', async () => {
    const [shopper, guest] = [stand().shopper(), stand().shopper()]
    await shopper.signIn(ADA)
    const stream = untilEnd(shopper.follow('/store/orders/events'))
    await until('it follows', () => stream.opened.length > 0)
    const ofGuest = await guest.order('WEA-001')
    const order = await shopper.order('WEA-001')
    await delivered(stream, order)
    expect(new Set(dataOf(stream.items, 'order').map(({ id }) => id))).not.toContain(ofGuest)
  })
})

function delivered(stream: Following, order: number) {
  return stream.first(
    `order ${order} is delivered`,
    (item) => item.event === 'order' && item.data.id === order && item.data.status === 'delivered',
  )
}

function stepsOf({ items }: Following, order: number) {
  return dataOf(items, 'order')
    .filter(({ id }) => id === order)
    .map(({ status }) => status)
}
