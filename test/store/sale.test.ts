import { expect, test } from 'vitest'
import type { Sale } from '../../demo/server/store/events.js'
import { until } from '../helpers/until.js'
import { dataOf } from './shopper.js'
import { closeAll, describeStores, untilEnd } from './stores.js'

closeAll()

// Long enough for what must happen while it runs, on a machine that stands still for a second or two.
const LENGTH = 8_000
const LEAD = 1_000
// Between two numbers of the same sale: see relay.ts.
const INTERVAL = 150

describeStores('a flash sale', { STORE_SALE_LEAD_MS: String(LEAD), STORE_SALE_MS: String(LENGTH) }, (stand) => {
  test('is announced, runs and ends for everybody by the same times, several types of events on one connection', async () => {
    const shopper = stand().shopper()
    const { sale: before, product, lastEventId } = await shopper.sale()
    expect(before).toMatchObject({ id: 0, sku: product.sku, state: 'idle', startsAt: 0, endsAt: 0, total: 50, left: 50, sold: 0 })
    const streams = [`/store/events?sku=${product.sku}&sale=1`, '/store/events?category=garden&sale=1'].map((path) =>
      untilEnd(shopper.follow(path, { lastEventId })),
    )
    await until('both follow', () => streams.every(({ opened }) => opened.length > 0))
    await streams[0]?.first('two watch', (item) => item.event === 'sale' && item.data.watchers === 2)

    const began = Date.now()
    const { status, body } = await shopper.send<{ sale: Sale }>('POST', '/store/sale/state', { action: 'start', crowd: 300 })
    expect([status, body.sale]).toEqual([
      202,
      { ...before, id: 1, state: 'announced', startsAt: expect.any(Number), endsAt: expect.any(Number), watchers: 2 },
    ])
    const { startsAt, endsAt } = body.sale
    expect(endsAt - startsAt).toBe(LENGTH)
    expect(startsAt).toBeGreaterThanOrEqual(began + LEAD)
    expect(startsAt).toBeLessThanOrEqual(Date.now() + LEAD)
    expect(await shopper.send('POST', '/store/sale/state', { action: 'start', crowd: 0 })).toMatchObject({
      status: 409,
      body: { code: 'SALE_RUNNING' },
    })

    // Somebody on the page gets one, in spite of the crowd.
    await streams[0]?.first('it runs', (item) => item.event === 'sale' && item.data.state === 'running')
    const bought = await shopper.buy(product.sku)
    expect(bought.status).toBe(201)
    await until('it has ended', async () => (await shopper.sale()).sale.state === 'ended', 90_000)
    const { sale } = await shopper.sale()
    expect(sale).toMatchObject({ id: 1, startsAt, endsAt, sold: 50, left: 0 })

    for (const { items, first } of streams) {
      // Four kinds on three topics: none waits for another.
      await first('it has ended', (item) => item.event === 'notice' && item.data.text.startsWith('The sale is over'))
      await first('it is told that it has', (item) => item.event === 'sale' && item.data.state === 'ended')
      await first('all are sold', (item) => item.event === 'stock' && item.data.sku === product.sku && item.data.stock === 0)
      await first('the old price', (item) => item.event === 'price' && item.data.was === null)
      const sales = dataOf(items, 'sale').filter(({ id }) => id === 1)
      expect(new Set(sales.map(({ startsAt, endsAt }) => `${startsAt} ${endsAt}`))).toEqual(new Set([`${startsAt} ${endsAt}`]))
      expect([...new Set(sales.map(({ state }) => state))]).toEqual(['announced', 'running', 'ended'])
      const left = sales.map(({ left }) => left)
      expect(left).toEqual([...left].sort((a, b) => b - a))
      expect([left[0], left.at(-1)]).toEqual([50, 0])
      for (const { left, sold, state } of sales) expect(state === 'running' ? left + sold : 50).toBe(50)
      expect(dataOf(items, 'price').map(({ price, was }) => [price, was])).toEqual([
        [7_900, 19_900],
        [19_900, null],
      ])
      expect(
        dataOf(items, 'stock')
          .filter(({ sku }) => sku === product.sku)
          .at(-1),
      ).toMatchObject({ stock: 0 })
      expect(dataOf(items, 'notice').map(({ level, text }) => `${level}: ${text.split(/[\d:]/)[0]}`)).toEqual([
        'info: Flash sale',
        'success: The sale is on',
        expect.stringMatching(/^warning: Only/),
        expect.stringMatching(/^warning: Sold out/),
        'info: The sale is over',
      ])
      // 50 sales, and no more of them told than an eye can follow.
      const running = sales.filter(({ state }) => state === 'running')
      const ended = dataOf(items, 'price').at(-1)?.at ?? 0
      expect(running.length).toBeLessThanOrEqual((ended - startsAt) / INTERVAL + 2)
      expect(running.length).toBeGreaterThan(3)
    }
  })

  test('is reset to what was before, also while it runs', async () => {
    const shopper = stand().shopper()
    const { endsAt } = (await shopper.send<{ sale: Sale }>('POST', '/store/sale/state', { action: 'start', crowd: 0 })).body.sale
    await until('it runs', async () => (await shopper.sale()).sale.state === 'running')
    const { product: reduced } = await shopper.sale()
    expect([reduced.price, reduced.was]).toEqual([7_900, 19_900])
    const order = (await shopper.buy(reduced.sku, 4)).body
    expect(order.stock).toBe(46)
    const { status, body } = await shopper.send('POST', '/store/sale/state', { action: 'reset', crowd: 0 })
    expect([status, body]).toMatchObject([202, { sale: { state: 'idle', startsAt: 0, endsAt: 0, left: 50, sold: 0 } }])
    expect((await shopper.sale()).product).toMatchObject({ price: 19_900, was: null, stock: 50 })
    // At its end nothing happens any more.
    await new Promise((resolve) => setTimeout(resolve, endsAt + 500 - Date.now()))
    expect((await shopper.sale()).sale.state).toBe('idle')
    expect(await shopper.send('POST', '/store/sale/state', { action: 'reset', crowd: 0 })).toMatchObject({ status: 202 })
  })

  test('goes on after the server was killed, with the rest of its crowd, and nobody buys twice', async () => {
    const shopper = stand().shopper()
    const { id } = (await shopper.sale()).sale
    await shopper.send('POST', '/store/sale/state', { action: 'start', crowd: 30 })
    await until('some have bought', async () => (await shopper.sale()).sale.sold > 3)
    await stand().restart('SIGKILL')
    await until('it has ended', async () => (await shopper.sale()).sale.state === 'ended')
    const { sale } = await shopper.sale()
    expect(sale.id).toBe(id + 1)
    expect(sale.sold).toBeGreaterThan(3)
    expect(sale.sold).toBeLessThanOrEqual(30)
    expect(sale.left + sale.sold).toBe(50)
  })
})
