import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { until } from '../helpers/until.js'
import { dataOf } from './shopper.js'
import { closeAll, describeStores, untilEnd } from './stores.js'

closeAll()

describeStores('prices and shelves', { STORE_SALE_LEAD_MS: '50', STORE_SALE_MS: '600000' }, (stand) => {
  test('nothing is bought for more than the buyer has seen, as when a sale ends; for less it is', async () => {
    const shopper = stand().shopper()
    const { product } = await shopper.sale()
    const { sku, price: old } = product
    await shopper.send('POST', '/store/sale/state', { action: 'start', crowd: 0 })
    await until('it runs', async () => (await shopper.sale()).sale.state === 'running')
    const { product: cheap, lastEventId } = await shopper.sale()
    expect(cheap.price).toBeLessThan(old)
    const key = randomUUID()
    expect(await shopper.buy(sku, 1, key, cheap.price)).toMatchObject({ status: 201, body: { stock: 49 } })
    expect(await shopper.buy(sku, 1, randomUUID(), old)).toMatchObject({ status: 201, body: { stock: 48 } })

    const stream = untilEnd(shopper.follow(`/store/events?sku=${sku}`, { lastEventId }))
    await shopper.send('POST', '/store/sale/state', { action: 'reset', crowd: 0 })
    const late = await shopper.buy(sku, 1, randomUUID(), cheap.price)
    expect(late).toMatchObject({ status: 409, body: { code: 'PRICE_CHANGED', price: old, was: null } })
    expect(late.body.message).toContain('€199.00')
    // What was bought before the end stays bought, also when it is asked for again.
    expect(await shopper.buy(sku, 1, key, cheap.price)).toMatchObject({ status: 200 })
    expect(await shopper.buy(sku, 1, randomUUID())).toMatchObject({ status: 201, body: { stock: 49 } })
    // The one that was refused has changed nothing: two sold, all put back, one sold.
    await stream.first(
      'the last purchase',
      ({ event, data }) => event === 'stock' && data.stock === 49 && data.version === cheap.version + 4,
    )
    expect(dataOf(stream.items, 'stock').every(({ stock, version }) => stock >= 48 && version <= cheap.version + 4)).toBe(true)
  })

  test('put back, everything that was sold is on the shelf again, and everybody sees it', async () => {
    const shopper = stand().shopper()
    const { products, lastEventId } = await shopper.products()
    const sold = products.filter(({ stock, sku }) => stock >= 3 && sku !== 'AUD-001').slice(0, 2)
    const [one, two] = sold as [(typeof sold)[0], (typeof sold)[0]]
    await shopper.buy(one.sku, 3)
    await shopper.buy(two.sku, 1)
    const stream = untilEnd(shopper.follow('/store/events', { lastEventId }))
    expect(await shopper.send('POST', '/store/sale/state', { action: 'reset', crowd: 0 })).toMatchObject({ status: 202 })
    for (const { sku, stock } of sold) {
      await stream.first(`${sku} is there again`, (item) => item.event === 'stock' && item.data.sku === sku && item.data.stock === stock)
    }
    const { products: after } = await shopper.products()
    const piecesOf = (list: typeof products) => list.filter(({ sku }) => sku !== 'AUD-001').map(({ sku, stock }) => [sku, stock])
    expect(piecesOf(after)).toEqual(piecesOf(products))
    // Of what was not sold there is nothing to tell.
    const told = new Set(dataOf(stream.items, 'stock').map(({ sku }) => sku))
    expect([...told].filter((sku) => sku !== 'AUD-001').sort()).toEqual(sold.map(({ sku }) => sku).sort())
  })
})
