import { HttpError } from '../http.js'
import type { Database, Queryable } from './database/database.js'
import { events, type Purchase } from './events.js'
import { numberOf, orderDraft } from './orders.js'
import { stockTopic, writeEvents } from './outbox.js'
import { draftsOfSold } from './sale-events.js'
import { unknownSku } from './shop.js'

export interface Wish {
  readonly sku: string
  readonly quantity: number
  /** What the buyer has seen that one costs: at more it isn't bought. */
  readonly price?: number | undefined
  /** The same key again gives the same order. */
  readonly key: string
  /** Whose it is; none: a guest's, who can't follow it. */
  readonly customer: number | undefined
}

export interface Bought extends Purchase {
  /** It was bought before, with the same key. */
  readonly repeated: boolean
}

/**
 * Order, stock and the events of both, in one transaction: an update is never shown that did not happen, and never missed.
 *
 * @param step after how many milliseconds the order gets its next step
 * @throws {HttpError} 409 SOLD_OUT, 409 PRICE_CHANGED, 409 KEY_REUSED, 404 UNKNOWN_SKU; then nothing has happened.
 */
// snippet: purchase
export function purchase(database: Database, wish: Wish, step: number): Promise<Bought> {
  const { sku, quantity, price, key, customer } = wish
  return database.transaction(async (tx) => {
    const now = new Date()
    // Waits for whoever is about to use the same key.
    const [order] = await tx.query<{ id: number }>(
      `INSERT INTO store.orders (key, customer_id, placed_at, next_at) VALUES ($1, $2, $3, $4)
      ON CONFLICT (key) DO NOTHING RETURNING id`,
      [key, customer ?? null, now, customer === undefined ? null : new Date(+now + step)],
    )
    if (!order) return earlier(tx, wish)
    // The lock of this row is what all buyers of a product queue for: nothing is asked before that could be asked after.
    const [left] = await tx.query<{ stock: number; version: number; category: string }>(
      `UPDATE store.stock s SET pieces = pieces - $2, version = version + 1 FROM store.products p
      WHERE s.sku = $1 AND p.sku = s.sku AND pieces >= $2 RETURNING pieces AS stock, version, category`,
      [sku, quantity],
    )
    if (!left) throw await tooFew(tx, sku)
    const { category, ...stock } = left
    // Its price by now, of which those who change it queue for the same lock.
    const [item] = await tx.query<{ name: string; price: number; was: number | null }>(
      `WITH step AS (
        INSERT INTO store.order_steps VALUES ($1::int, 0, 'placed', $4)
      ), item AS (
        INSERT INTO store.order_items SELECT $1::int, sku, name, $3::int, price FROM store.products WHERE sku = $2 RETURNING price
      )
      SELECT p.name, item.price, p.was FROM item, store.products p WHERE p.sku = $2`,
      [order.id, sku, quantity, now],
    )
    if (item && price !== undefined && item.price > price) throw dearer(item, now)
    const tracked = customer === undefined ? undefined : await orderDraft(tx, order.id)
    await writeEvents(tx, [
      {
        topic: stockTopic(category, sku),
        item: events.item('stock', { sku, ...stock, at: +now }),
        isLevel: true,
      },
      ...(tracked ? [tracked] : []),
      ...(await draftsOfSold(tx, { sku, quantity, left: stock.stock, now })),
    ])
    return { order: order.id, number: numberOf(order.id), sku, quantity, ...stock, repeated: false }
  })
}
// end

/** What was bought with this key before. */
async function earlier(tx: Queryable, { sku, quantity, key, customer }: Wish): Promise<Bought> {
  const [row] = await tx.query<{
    id: number
    customer: number | null
    quantity: number
    stock: number
    version: number
  }>(
    `SELECT o.id, o.customer_id AS customer, i.quantity, s.pieces AS stock, s.version
    FROM store.orders o JOIN store.order_items i ON i.order_id = o.id AND i.sku = $2 JOIN store.stock s ON s.sku = i.sku
    WHERE o.key = $1`,
    [key, sku],
  )
  if (row?.quantity !== quantity || row.customer !== (customer ?? null)) {
    throw new HttpError(
      409,
      'KEY_REUSED',
      'Something else was bought with this key: take a new one for each purchase',
    )
  }
  const { id, stock, version } = row
  return { order: id, number: numberOf(id), sku, quantity, stock, version, repeated: true }
}

function dearer(
  { name, price, was }: { name: string; price: number; was: number | null },
  now: Date,
): HttpError {
  const words = `The price has just changed: ${name} is €${(price / 100).toFixed(2)} now. Nothing was ordered`
  return new HttpError(409, 'PRICE_CHANGED', words, { body: { price, was, at: +now } })
}

async function tooFew(tx: Queryable, sku: string): Promise<HttpError> {
  const [row] = await tx.query<{ name: string; stock: number; version: number }>(
    'SELECT p.name, s.pieces AS stock, s.version FROM store.stock s JOIN store.products p USING (sku) WHERE s.sku = $1',
    [sku],
  )
  if (!row) return unknownSku(sku)
  const { name, stock, version } = row
  const words =
    stock === 0
      ? `Sorry, the last one has just gone: ${name} is sold out`
      : `Sorry, only ${stock} left of ${name}`
  return new HttpError(409, 'SOLD_OUT', words, { body: { stock, version } })
}
