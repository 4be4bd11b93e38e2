import type { Queryable } from './database/database.js'
import { events, type Notice, type Sale } from './events.js'
import { SALE_TOPIC, type Draft } from './outbox.js'

export interface SaleRow {
  readonly id: number
  readonly sku: string
  readonly state: Sale['state']
  readonly starts_at: Date | null
  readonly ends_at: Date | null
  readonly total: number
  readonly sold: number
  readonly crowd: number
  readonly watchers: number
}

const FEW = 10

/** What a purchase tells those who watch a sale; nothing when its product isn't in one. To be called by who has the lock of the stock. */
export async function draftsOfSold(
  tx: Queryable,
  { sku, quantity, left, now }: { sku: string; quantity: number; left: number; now: Date },
): Promise<Draft[]> {
  const [row] = await tx.query<SaleRow>(
    `UPDATE store.sales SET sold = sold + $2 WHERE sku = $1 AND state = 'running' RETURNING *`,
    [sku, quantity],
  )
  if (!row) return []
  const drafts = [saleDraft(saleOf(row, left))]
  if (left === 0) {
    const seconds = Math.max(1, Math.round((+now - Number(row.starts_at)) / 1000))
    drafts.push(
      await noticeDraft(tx, 'warning', `Sold out: all ${row.total} pieces in ${seconds} s`, now),
    )
  } else if (left <= FEW && left + quantity > FEW) {
    drafts.push(await noticeDraft(tx, 'warning', `Only ${left} left`, now))
  }
  return drafts
}

/** @param stock of its product: while it runs, that is what is left. */
export function saleOf(row: SaleRow, stock: number): Sale {
  const { id, sku, state, starts_at, ends_at, total, sold, watchers } = row
  const isIdle = state === 'idle'
  return {
    id,
    sku,
    state,
    startsAt: isIdle ? 0 : Number(starts_at),
    endsAt: isIdle ? 0 : Number(ends_at),
    total,
    left: state === 'running' ? stock : Math.max(0, total - sold),
    sold,
    watchers,
  }
}

export function saleDraft(sale: Sale): Draft {
  return { topic: SALE_TOPIC, item: events.item('sale', sale), isLevel: true }
}

export async function noticeDraft(
  tx: Queryable,
  level: Notice['level'],
  text: string,
  now: Date,
): Promise<Draft> {
  const [row] = await tx.query<{ id: number }>(`SELECT nextval('store.notice_ids')::int AS id`)
  const { id } = row as { id: number }
  return { topic: SALE_TOPIC, item: events.item('notice', { id, level, text, at: +now }) }
}
