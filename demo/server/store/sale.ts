import { HttpError } from '../http.js'
import { PRODUCTS } from './catalogue.js'
import type { Database, Queryable } from './database/database.js'
import { events, type Sale } from './events.js'
import { startLoop, type Loop } from './loop.js'
import { stockTopic, writeEvents, type Draft } from './outbox.js'
import { noticeDraft, saleDraft, saleOf, type SaleRow } from './sale-events.js'
import { SALE_PIECES, SALE_PRICE, SALE_SKU } from './sale-terms.js'

export interface SaleTimes {
  readonly saleLead: number
  readonly saleLength: number
}

export async function currentSale(database: Queryable): Promise<Sale> {
  const { row, stock } = await newest(database)
  return saleOf(row, stock)
}

/** @throws {HttpError} 409 SALE_RUNNING */
export function announceSale(
  database: Database,
  crowd: number,
  { saleLead, saleLength }: SaleTimes,
): Promise<Sale> {
  return database.transaction(async (tx) => {
    const { row, stock, name } = await locked(tx)
    if (row.state === 'announced' || row.state === 'running')
      throw new HttpError(409, 'SALE_RUNNING', 'A sale is under way: wait for its end, or reset it')
    const now = new Date()
    const startsAt = +now + saleLead
    const [announced] = await tx.query<SaleRow>(
      `INSERT INTO store.sales (id, sku, state, starts_at, ends_at, total, crowd, watchers)
      VALUES ($1, $2, 'announced', $3, $4, $5, $6, $7) RETURNING *`,
      [
        row.id + 1,
        SALE_SKU,
        new Date(startsAt),
        new Date(startsAt + saleLength),
        SALE_PIECES,
        crowd,
        row.watchers,
      ],
    )
    const sale = saleOf(announced as SaleRow, stock)
    const text = `Flash sale: ${SALE_PIECES} × ${name}, in a moment`
    await writeEvents(tx, [saleDraft(sale), await noticeDraft(tx, 'info', text, now)])
    return sale
  })
}

/** As the shop was at the beginning: no sale, and all pieces of all products there again. */
export function resetSale(database: Database): Promise<Sale> {
  return database.transaction(async (tx) => {
    const { row, category } = await locked(tx)
    const now = new Date()
    const price = await oldPrice(tx, category, now)
    const [stock, filled] = await refill(tx, category, row.total, now)
    const others = await restock(tx, now)
    const [idle] = await tx.query<SaleRow>(
      `UPDATE store.sales SET state = 'idle', sold = 0, crowd = 0 WHERE id = $1 RETURNING *`,
      [row.id],
    )
    const sale = saleOf(idle as SaleRow, stock)
    await writeEvents(tx, [...price, filled, ...others, saleDraft(sale)])
    return sale
  })
}

export interface SaleClock extends Loop {
  /** Somebody who watches the sale comes (1) or goes (-1). */
  watch(by: 1 | -1): void
}

// Sales that another demo on the same database has announced, and a clock that was set.
const POLL = 2_000

/** Begins and ends sales when it is time, by the times in the database; and tells how many watch, once a second. */
export function startSaleClock(database: Database, onRunning: () => void): SaleClock {
  let watchers = 0
  let written = 0
  let writtenAt = 0
  const loop = startLoop('sale', async () => {
    let rest = POLL
    const { row } = await newest(database)
    const due = dueOf(row)
    if (due !== undefined) {
      rest = Math.min(POLL, due - Date.now())
      if (rest <= 0) {
        await advance(database)
        return 0
      }
    }
    if (row.state === 'running' || row.state === 'announced') onRunning()
    if (watchers === written) return rest
    const wait = writtenAt + 1_000 - Date.now()
    if (wait > 0) return Math.min(rest, wait)
    await writeWatchers(database, (written = watchers))
    writtenAt = Date.now()
    return rest
  })
  return {
    ...loop,
    watch(by) {
      watchers += by
      loop.wake()
    },
  }
}

/** To what it is by now: announced, running, ended. */
async function advance(database: Database): Promise<void> {
  await database.transaction(async (tx) => {
    const { row, stock, name, category } = await locked(tx)
    const now = new Date()
    const due = dueOf(row)
    // Another demo with the same database may have done it.
    if (due === undefined || due > +now) return
    if (row.state === 'running') {
      const sale = saleOf(await changeState(tx, row.id, 'ended'), stock)
      const text =
        sale.left === 0
          ? 'The sale is over: everything is sold'
          : `The sale is over: ${sale.sold} of ${sale.total} sold`
      await writeEvents(tx, [
        ...(await oldPrice(tx, category, now)),
        saleDraft(sale),
        await noticeDraft(tx, 'info', text, now),
      ])
      return
    }
    const [pieces, filled] = await refill(tx, category, row.total, now)
    const sale = saleOf(await changeState(tx, row.id, 'running'), pieces)
    await writeEvents(tx, [
      filled,
      await newPrice(tx, category, now),
      saleDraft(sale),
      await noticeDraft(tx, 'success', `The sale is on: ${sale.total} × ${name}`, now),
    ])
  })
}

async function writeWatchers(database: Database, watchers: number): Promise<void> {
  await database.transaction(async (tx) => {
    const { row, stock } = await locked(tx)
    await tx.query('UPDATE store.sales SET watchers = $2 WHERE id = $1', [row.id, watchers])
    await writeEvents(tx, [saleDraft(saleOf({ ...row, watchers }, stock))])
  })
}

async function changeState(tx: Queryable, id: number, state: Sale['state']): Promise<SaleRow> {
  const [row] = await tx.query<SaleRow>(
    'UPDATE store.sales SET state = $2 WHERE id = $1 RETURNING *',
    [id, state],
  )
  return row as SaleRow
}

async function refill(
  tx: Queryable,
  category: string,
  pieces: number,
  now: Date,
): Promise<[number, Draft]> {
  const [row] = await tx.query<{ stock: number; version: number }>(
    'UPDATE store.stock SET pieces = $2, version = version + 1 WHERE sku = $1 RETURNING pieces AS stock, version',
    [SALE_SKU, pieces],
  )
  const stock = row as { stock: number; version: number }
  const item = events.item('stock', { sku: SALE_SKU, ...stock, at: +now })
  return [stock.stock, { topic: stockTopic(category, SALE_SKU), item, isLevel: true }]
}

/** All products but the sale's. Whoever holds the lock of the sale's stock may lock others; no purchase locks two. */
async function restock(tx: Queryable, now: Date): Promise<Draft[]> {
  const rows = await tx.query<{ sku: string; category: string; stock: number; version: number }>(
    `UPDATE store.stock s SET pieces = full_shelf.stock, version = version + 1
    FROM json_to_recordset($1::json) AS full_shelf (sku text, stock int) JOIN store.products p USING (sku)
    WHERE s.sku = full_shelf.sku AND s.pieces <> full_shelf.stock AND s.sku <> $2
    RETURNING s.sku, p.category, s.pieces AS stock, s.version`,
    [JSON.stringify(PRODUCTS.map(({ sku, stock }) => ({ sku, stock }))), SALE_SKU],
  )
  return rows.map(({ category, ...stock }) => ({
    topic: stockTopic(category, stock.sku),
    item: events.item('stock', { ...stock, at: +now }),
    isLevel: true,
  }))
}

async function newPrice(tx: Queryable, category: string, now: Date): Promise<Draft> {
  const [row] = await tx.query<{ price: number; was: number }>(
    'UPDATE store.products SET was = coalesce(was, price), price = $2 WHERE sku = $1 RETURNING price, was',
    [SALE_SKU, SALE_PRICE],
  )
  return priceDraft(category, row as { price: number; was: number }, now)
}

async function oldPrice(tx: Queryable, category: string, now: Date): Promise<Draft[]> {
  const [row] = await tx.query<{ price: number }>(
    'UPDATE store.products SET price = was, was = NULL WHERE sku = $1 AND was IS NOT NULL RETURNING price',
    [SALE_SKU],
  )
  return row ? [priceDraft(category, { price: row.price, was: null }, now)] : []
}

function priceDraft(
  category: string,
  price: { price: number; was: number | null },
  now: Date,
): Draft {
  return {
    topic: stockTopic(category, SALE_SKU),
    item: events.item('price', { sku: SALE_SKU, ...price, at: +now }),
  }
}

/** When its state changes by itself. */
function dueOf({ state, starts_at, ends_at }: SaleRow): number | undefined {
  if (state === 'announced') return Number(starts_at)
  return state === 'running' ? Number(ends_at) : undefined
}

interface Newest {
  readonly row: SaleRow
  readonly stock: number
  readonly name: string
  readonly category: string
}

/** All changes of a sale, and all purchases of its product, queue for the lock of its stock. */
async function locked(tx: Queryable): Promise<Newest> {
  await tx.query('SELECT FROM store.stock WHERE sku = $1 FOR UPDATE', [SALE_SKU])
  return newest(tx)
}

async function newest(database: Queryable): Promise<Newest> {
  const [row] = await database.query<SaleRow & { stock: number; name: string; category: string }>(
    `SELECT sales.*, s.pieces AS stock, p.name, p.category
    FROM store.sales JOIN store.stock s USING (sku) JOIN store.products p USING (sku) ORDER BY sales.id DESC LIMIT 1`,
  )
  const sale = row as SaleRow & { stock: number; name: string; category: string }
  return { row: sale, stock: sale.stock, name: sale.name, category: sale.category }
}
