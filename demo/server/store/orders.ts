import { HttpError } from '../http.js'
import type { Queryable } from './database/database.js'
import { events, type Order, type OrderEvent, type OrderStatus } from './events.js'
import { ordersTopic, type Draft } from './outbox.js'

interface OrderRow {
  readonly id: number
  readonly customer: number | null
  readonly placedAt: Date
  readonly items: Order['items']
  readonly steps: Order['steps']
}

const NEWEST = 50
const ORDER = `
  o.id, o.customer_id AS customer, o.placed_at AS "placedAt",
  (SELECT json_agg(json_build_object('sku', sku, 'name', name, 'quantity', quantity, 'price', price) ORDER BY sku)
    FROM store.order_items WHERE order_id = o.id) AS items,
  (SELECT json_agg(json_build_object('status', status, 'at', floor(extract(epoch FROM at) * 1000)::bigint) ORDER BY position)
    FROM store.order_steps WHERE order_id = o.id) AS steps
  FROM store.orders o`

/** A customer's newest orders, the newest first. */
export async function ordersOf(database: Queryable, customer: number): Promise<Order[]> {
  const rows = await database.query<OrderRow>(
    `SELECT ${ORDER} WHERE o.customer_id = $1 ORDER BY o.id DESC LIMIT ${NEWEST}`,
    [customer],
  )
  return rows.map(toOrder)
}

/** @throws {HttpError} when there is none, or it isn't this customer's. */
export async function orderOf(database: Queryable, customer: number, id: number): Promise<Order> {
  const [row] = await database.query<OrderRow>(`SELECT ${ORDER} WHERE o.id = $1`, [id])
  if (!row) throw new HttpError(404, 'UNKNOWN_ORDER', `There is no order ${id}`)
  if (row.customer !== customer)
    throw new HttpError(403, 'NOT_YOURS', `Order ${id} is somebody else's`)
  return toOrder(row)
}

/** What is told of an order after its newest step; nothing of a guest's, which nobody can follow. */
export async function orderDraft(tx: Queryable, id: number): Promise<Draft | undefined> {
  const [row] = await tx.query<OrderRow>(`SELECT ${ORDER} WHERE o.id = $1`, [id])
  if (!row || row.customer === null) return undefined
  return { topic: ordersTopic(row.customer), item: events.item('order', toEvent(toOrder(row))) }
}

function toEvent(order: Order): OrderEvent {
  const { status, at } = order.steps.at(-1) as { status: OrderStatus; at: number }
  return { ...order, status, at }
}

export function numberOf(id: number): string {
  return `S-${id}`
}

function toOrder({ id, placedAt, items, steps }: OrderRow): Order {
  return {
    id,
    number: numberOf(id),
    items,
    total: items.reduce((sum, { quantity, price }) => sum + quantity * price, 0),
    placedAt: placedAt.getTime(),
    steps,
  }
}
