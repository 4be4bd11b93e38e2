import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { PRODUCTS } from '../../demo/server/store/catalogue.js'
import { until } from '../helpers/until.js'
import { closeAll, untilEnd, useStand, type Stand } from './stores.js'

closeAll()

describe('what the store is asked', () => {
  const stand = useStand({})

  test.each([
    ['/store/products?category=toys', 404, 'UNKNOWN_CATEGORY', 'toys'],
    ['/store/products?category=stock%2F*', 404, 'UNKNOWN_CATEGORY', 'stock/*'],
    ['/store/products?category=*', 404, 'UNKNOWN_CATEGORY', '*'],
    [`/store/products?category=${'x'.repeat(5_000)}`, 404, 'UNKNOWN_CATEGORY', '...'],
    [`/store/products?q=${'x'.repeat(101)}`, 400, 'INVALID_SEARCH', '100'],
    ['/store/products?q=%00', 400, 'INVALID_SEARCH', 'NUL'],
    ['/store/events?category=toys', 404, 'UNKNOWN_CATEGORY', 'toys'],
    ['/store/events?category=*', 404, 'UNKNOWN_CATEGORY', '*'],
    ['/store/events?category=', 404, 'UNKNOWN_CATEGORY', '""'],
    ['/store/events?category=%2Fstock%2F..', 404, 'UNKNOWN_CATEGORY', '/stock/..'],
    ['/store/events?sku=AUD-001&category=audio', 400, 'BOTH_GIVEN', 'not both'],
    ['/store/events?sku=AUD-999', 404, 'UNKNOWN_SKU', 'AUD-999'],
    ['/store/events?sku=AUD-001&sku=AUD-999', 404, 'UNKNOWN_SKU', 'AUD-999'],
    ['/store/events?sku=*', 400, 'INVALID_SKU', '*'],
    ['/store/events?sku=', 400, 'INVALID_SKU', '""'],
    ['/store/events?sku=AUD%2F..%2F001', 400, 'INVALID_SKU', 'AUD/../001'],
    ['/store/events?sku=AUD-001%0A', 400, 'INVALID_SKU', '\\n'],
    [`/store/events?sku=A${'9'.repeat(3_000)}`, 400, 'INVALID_SKU', '...'],
    [`/store/events?${Array.from({ length: 61 }, (_, index) => `sku=A-${index}`).join('&')}`, 400, 'TOO_MANY_SKUS', '60'],
    ['/api/inventory/check', 400, 'MISSING_SKU', '?sku='],
    ['/api/inventory/check?sku=AUD-999', 404, 'UNKNOWN_SKU', 'AUD-999'],
    ['/api/inventory/check?sku=%27%3B--', 400, 'INVALID_SKU', "';--"],
    ['/store/nothing', 404, 'NOT_FOUND', '/store/nothing'],
    ['/store/orders/1/2', 404, 'NOT_FOUND', '/store/orders/1/2'],
    ['/store/purchases', 405, 'METHOD_NOT_ALLOWED', 'POST'],
  ])('GET %s: %i %s, and the answer names %s', async (path, status, code, named) => {
    const answer = await stand().shopper().get(path)
    expect(answer).toMatchObject({ status, body: { code } })
    expect(answer.body.message).toContain(named)
    expect(answer.body.message?.length).toBeLessThan(300)
  })

  const wish = { sku: 'AUD-001', quantity: 1, key: 'a-key-of-its-own' }
  test.each([
    ['/store/purchases', { ...wish, sku: undefined }, 400, 'INVALID_BODY', '`sku`'],
    ['/store/purchases', { ...wish, sku: 'AUD-999' }, 404, 'UNKNOWN_SKU', 'AUD-999'],
    ['/store/purchases', { ...wish, sku: 'aud-001' }, 400, 'INVALID_BODY', '`sku`'],
    ['/store/purchases', { ...wish, sku: ['AUD-001'] }, 400, 'INVALID_BODY', '`sku`'],
    ['/store/purchases', { ...wish, quantity: 0 }, 400, 'INVALID_BODY', '1 to 10'],
    ['/store/purchases', { ...wish, quantity: -1 }, 400, 'INVALID_BODY', '1 to 10'],
    ['/store/purchases', { ...wish, quantity: 11 }, 400, 'INVALID_BODY', '1 to 10'],
    ['/store/purchases', { ...wish, quantity: 1.5 }, 400, 'INVALID_BODY', '1 to 10'],
    ['/store/purchases', { ...wish, quantity: '1' }, 400, 'INVALID_BODY', '1 to 10'],
    ['/store/purchases', { ...wish, price: 0 }, 400, 'INVALID_BODY', '`price`'],
    ['/store/purchases', { ...wish, price: '7900' }, 400, 'INVALID_BODY', 'or left out'],
    ['/store/purchases', { ...wish, key: 'short' }, 400, 'INVALID_BODY', '`key`'],
    ['/store/purchases', { ...wish, key: 'x'.repeat(65) }, 400, 'INVALID_BODY', '`key`'],
    ['/store/purchases', { ...wish, key: 'crowd:1:1' }, 400, 'INVALID_BODY', '`key`'],
    ['/store/purchases', { ...wish, key: 'a key of its own' }, 400, 'INVALID_BODY', '`key`'],
    ['/store/purchases', [], 400, 'INVALID_BODY', 'object'],
    ['/store/purchases', 'null', 400, 'INVALID_BODY', 'object'],
    ['/store/purchases', '"AUD-001"', 400, 'INVALID_BODY', 'object'],
    ['/store/purchases', '{"__proto__":{"sku":"AUD-001","quantity":1,"key":"a-key-of-its-own"}}', 400, 'INVALID_BODY', '`sku`'],
    ['/store/purchases', '{', 400, 'NOT_JSON', 'JSON'],
    ['/store/purchases', '', 400, 'NOT_JSON', 'JSON'],
    ['/store/purchases', JSON.stringify({ ...wish, more: 'x'.repeat(5_000) }), 413, 'TOO_LARGE', '4096'],
    ['/store/sale/state', { action: 'stop', crowd: 0 }, 400, 'INVALID_BODY', '"start" or "reset"'],
    ['/store/sale/state', { action: 'start' }, 400, 'INVALID_BODY', '`crowd`'],
    ['/store/sale/state', { action: 'start', crowd: 501 }, 400, 'INVALID_BODY', '0 to 500'],
    ['/store/sale/state', { action: 'start', crowd: -1 }, 400, 'INVALID_BODY', '0 to 500'],
    ['/store/sale/state', { action: 'start', crowd: '5' }, 400, 'INVALID_BODY', '0 to 500'],
  ])('POST %s %j: %i %s, and the answer names %s', async (path, body, status, code, named) => {
    const answer = await stand().shopper().send('POST', path, body)
    expect(answer).toMatchObject({ status, body: { code } })
    expect(answer.body.message).toContain(named)
    expect((await stand().shopper().sale()).product).toMatchObject({ stock: 24, version: 0 })
  })

  test('a catalogue of more than 200 products in eight categories, some sold out, some nearly', async () => {
    const { products, categories } = await stand().shopper().products()
    expect(products.length).toBeGreaterThan(200)
    expect(categories).toHaveLength(8)
    expect(categories.reduce((sum, { count }) => sum + count, 0)).toBe(products.length)
    for (const field of ['sku', 'name'] as const) expect(new Set(products.map((product) => product[field])).size).toBe(products.length)
    expect(products).toHaveLength(PRODUCTS.length)
    for (const { price, art, was } of products)
      expect([price > 0, Number.isInteger(price), art.hue >= 0 && art.hue < 360, was]).toEqual([true, true, true, null])
    const stocked = (low: number, high: number) => products.filter(({ stock }) => stock >= low && stock <= high).length
    expect(stocked(0, 0)).toBeGreaterThan(5)
    expect(stocked(1, 3)).toBeGreaterThan(10)
    expect(stocked(10, 100)).toBeGreaterThan(100)
  })

  test.each([
    ['lamp', ['HOM-004', 'HOM-005', 'HOM-006', 'DSK-007', 'DSK-008', 'DSK-009']],
    ['  LAMP   cream ', ['DSK-008']],
    ['clothing', PRODUCTS.filter(({ category }) => category === 'wear').map(({ sku }) => sku)],
    ['AUD-004', ['AUD-004']],
    ['%', []],
    ['_', []],
    ['\\', []],
    ["'; DROP TABLE store.products; --", []],
    ['°c', ['OUT-010', 'OUT-011', 'OUT-012']],
  ])('a search for %j', async (words, skus) => {
    const { products, categories } = await stand()
      .shopper()
      .products(`?q=${encodeURIComponent(words)}`)
    expect(products.map(({ sku }) => sku)).toEqual(skus)
    expect(categories.reduce((sum, { count }) => sum + count, 0)).toBe(skus.length)
  })

  test('a category and a search together', async () => {
    const { products, categories } = await stand().shopper().products('?category=office&q=lamp')
    expect(products.map(({ sku }) => sku)).toEqual(['DSK-007', 'DSK-008', 'DSK-009'])
    expect(categories.find(({ slug }) => slug === 'home')).toMatchObject({ count: 3 })
  })

  test('HEAD of a stream has its headers and holds nothing', async () => {
    const response = await fetch(`${stand().demo.url}/store/events?sale=1`, { method: 'HEAD' })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    expect(await watchersBesideOne(stand())).toBe(0)
  })

  test('watchers who leave before their stream has begun are not counted', async () => {
    for (let round = 0; round < 30; round++) {
      const socket = connect(stand().demo.port, '127.0.0.1')
      socket.on('error', () => {}).write('GET /store/events?sale=1 HTTP/1.1\r\nHost: localhost\r\n\r\n')
      await new Promise((resolve) => setTimeout(resolve, round % 6))
      socket.destroy()
    }
    await until('all are gone', async () => (await stand().demo.streams('/store/events')) === 0)
    expect(await watchersBesideOne(stand())).toBe(0)
  })
})

/** How many watch is told by and by. So one more comes, is told to be the only one, and leaves: none is left, or this never ends. */
async function watchersBesideOne(stand: Stand): Promise<number> {
  const watchers = async (): Promise<number> => (await stand.shopper().sale()).sale.watchers
  const one = untilEnd(stand.shopper().follow('/store/events?sale=1'))
  await until('one watches', async () => one.opened.length > 0 && (await watchers()) === 1)
  one.close()
  await until('nobody watches', async () => (await watchers()) === 0)
  return watchers()
}
