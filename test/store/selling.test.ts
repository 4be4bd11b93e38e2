import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { PostgresServer } from '../helpers/postgres.js'
import { until } from '../helpers/until.js'
import { dataOf, type Event } from './shopper.js'
import { closeAll, describeStores, untilEnd } from './stores.js'

const SALE = 'AUD-001'
const isStock = (sku: string, stock: number) => (item: Event) =>
  item.event === 'stock' && item.data.sku === sku && item.data.stock === stock

closeAll()

describeStores('a store that sells', { STORE_SALE_LEAD_MS: '1', STORE_SALE_MS: '600000' }, (stand) => {
  test('500 people at once buy 50 pieces: exactly 50 get one, 450 are told kindly, and everybody sees it end at 0', async () => {
    const shopper = stand().shopper()
    const followers = [`/store/events?sku=${SALE}`, '/store/events?category=audio', '/store/events'].map((path) =>
      untilEnd(shopper.follow(path)),
    )
    await until('all follow', () => followers.every(({ opened }) => opened.length > 0))
    await shopper.send('POST', '/store/sale/state', { action: 'start', crowd: 0 })
    await until('the sale runs', async () => (await shopper.sale()).sale.state === 'running')

    const connections = await mostConnections(stand().postgres)
    const answers = await Promise.all(Array.from({ length: 500 }, () => shopper.buy(SALE)))
    const bought = answers.filter(({ status }) => status === 201)
    const refused = answers.filter(({ status, body }) => status === 409 && body.code === 'SOLD_OUT')
    expect([bought.length, refused.length]).toEqual([50, 450])
    expect(refused[0]?.body).toMatchObject({ stock: 0, message: expect.stringContaining('Sorry, the last one has just gone') })
    // Each left one less, and nobody's order is somebody else's.
    expect(bought.map(({ body }) => body.stock).sort((a, b) => b - a)).toEqual(Array.from({ length: 50 }, (_, index) => 49 - index))
    expect(new Set(bought.map(({ body }) => body.order)).size).toBe(50)
    // Over several connections of a server, never more than the pool has.
    const used = await connections()
    expect([used > 5, used <= 20]).toEqual([true, true])

    expect((await shopper.get(`/api/inventory/check?sku=${SALE}`)).body).toMatchObject({ items: [{ sku: SALE, stock: 0 }] })
    expect((await shopper.sale()).sale).toMatchObject({ sold: 50, left: 0 })
    for (const { items, first } of followers) {
      await first('sold out', isStock(SALE, 0))
      const stock = dataOf(items, 'stock').filter(({ sku }) => sku === SALE)
      expect(stock.at(-1)).toMatchObject({ stock: 0 })
      expect(Math.min(...stock.map(({ stock }) => stock))).toBe(0)
      const versions = stock.map(({ version }) => version)
      expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b))
    }
  })

  test('the same key again gives the same order, also at the same time, and sells nothing', async () => {
    const shopper = stand().shopper()
    const key = randomUUID()
    const answers = await Promise.all(Array.from({ length: 20 }, () => shopper.buy('KIT-001', 2, key)))
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array.from({ length: 19 }, () => 200), 201])
    expect(new Set(answers.map(({ body }) => body.order)).size).toBe(1)
    const after = (await shopper.buy('KIT-001', 2, key)).body
    expect(after).toEqual(answers.find(({ status }) => status === 201)?.body)
    for (const [sku, quantity] of [
      ['KIT-001', 1],
      ['KIT-002', 2],
    ] as const) {
      expect(await shopper.buy(sku, quantity, key)).toMatchObject({ status: 409, body: { code: 'KEY_REUSED' } })
    }
    expect((await shopper.buy('KIT-001', 1)).body).toMatchObject({ stock: after.stock - 1, version: after.version + 1 })
  })

  test('more than there are: nothing is sold, and what is left is said', async () => {
    const shopper = stand().shopper()
    const { products } = await shopper.products()
    const few = products.find(({ stock }) => stock >= 1 && stock <= 3)
    const none = products.find(({ stock, sku }) => stock === 0 && sku !== SALE)
    expect(await shopper.buy(few?.sku ?? '', 10)).toMatchObject({
      status: 409,
      body: { code: 'SOLD_OUT', stock: few?.stock, message: expect.stringContaining(`only ${few?.stock} left`) },
    })
    expect(await shopper.buy(none?.sku ?? '')).toMatchObject({ status: 409, body: { code: 'SOLD_OUT', stock: 0 } })
    expect((await shopper.get(`/api/inventory/check?sku=${few?.sku}`)).body).toMatchObject({ items: [{ stock: few?.stock }] })
  })

  test('a stream has what it was asked for, and nothing else', async () => {
    const shopper = stand().shopper()
    const follow = (query: string) => untilEnd(shopper.follow(`/store/events?${query}`))
    const streams = {
      sku: follow('sku=KIT-005'),
      skus: follow('sku=KIT-005&sku=GAR-003&sku=KIT-005'),
      category: follow('category=garden'),
      all: follow(''),
    }
    await until('all follow', () => Object.values(streams).every(({ opened }) => opened.length > 0))
    for (const sku of ['KIT-006', 'KIT-005', 'GAR-003', 'GAR-001']) expect(await shopper.buy(sku)).toMatchObject({ status: 201 })
    await streams.all.first('the last of them', (item) => item.event === 'stock' && item.data.sku === 'GAR-001')
    await streams.category.first('the last of them', (item) => item.event === 'stock' && item.data.sku === 'GAR-001')
    // What the others must not have had its chance to come.
    expect(await shopper.buy('KIT-005')).toMatchObject({ status: 201 })
    const skus = ({ items }: { items: Event[] }) =>
      dataOf(items, 'stock')
        .map(({ sku }) => sku)
        // The last of another test may come a little later.
        .filter((sku) => sku !== 'KIT-001')
    const isThereTwice = (stream: { items: Event[] }) => skus(stream).filter((sku) => sku === 'KIT-005').length === 2
    await until('the second one', () => [streams.sku, streams.skus, streams.all].every(isThereTwice))
    expect(skus(streams.sku)).toEqual(['KIT-005', 'KIT-005'])
    expect(skus(streams.skus)).toEqual(['KIT-005', 'GAR-003', 'KIT-005'])
    expect(skus(streams.category)).toEqual(['GAR-003', 'GAR-001'])
    expect(skus(streams.all)).toEqual(['KIT-006', 'KIT-005', 'GAR-003', 'GAR-001', 'KIT-005'])
  })

  test('who follows from what a page was read at misses nothing', async () => {
    const shopper = stand().shopper()
    const { lastEventId, products } = await shopper.products('?category=office')
    const before = products.find(({ sku }) => sku === 'DSK-003')
    await shopper.buy('DSK-003')
    await until('it was told', async () => (await shopper.products()).lastEventId !== lastEventId)
    const later = untilEnd(shopper.follow('/store/events?category=office', { lastEventId }))
    const { data } = await later.first('what was bought meanwhile', isStock('DSK-003', (before?.stock ?? 0) - 1))
    expect(data).toMatchObject({ version: (before?.version ?? 0) + 1 })
    expect(dataOf(later.items, 'gap')).toEqual([])
  })
})

/** The most connections that the demo has to a PostgreSQL while others work; of another database as many as it may have. */
async function mostConnections(postgres: PostgresServer | undefined): Promise<() => Promise<number>> {
  if (!postgres) return () => Promise.resolve(20)
  const client = await postgres.connect()
  let most = 0
  const work = { isOver: false }
  const look = async (): Promise<void> => {
    // The relay has one of its own beside the pool.
    const { rows } = await client.query<{ n: number }>(
      "SELECT count(*)::int - 1 AS n FROM pg_stat_activity WHERE datname = 'shop' AND backend_type = 'client backend'",
    )
    most = Math.max(most, rows[0]?.n ?? 0)
  }
  const looking = (async () => {
    for (; !work.isOver; await new Promise((resolve) => setTimeout(resolve, 20))) await look()
  })()
  return async () => {
    work.isOver = true
    await looking
    // The pool keeps its connections for a while.
    await look()
    await client.end()
    return most
  }
}
