import type { Database } from './database/database.js'
import { STATUSES } from './events.js'
import { startLoop, type Loop } from './loop.js'
import { orderDraft } from './orders.js'
import { writeEvents, type Draft } from './outbox.js'

const BATCH = 20
// Orders of other processes, and those of this one that it wasn't woken for.
const POLL = 5_000

/** The warehouse, simulated: moves each order to its next step when that is due. What is due stands in the database, so it goes on after a restart. */
export function startTracking(database: Database, step: number): Loop {
  return startLoop('warehouse', async () => {
    const moved = await database.transaction((tx) => moveDue(tx, step))
    if (moved === BATCH) return 0
    const [row] = await database.query<{ next: Date | null }>(
      'SELECT min(next_at) AS next FROM store.orders',
    )
    const rest = row?.next ? row.next.getTime() - Date.now() : POLL
    return Math.min(POLL, Math.max(10, rest))
  })
}

async function moveDue(tx: Parameters<typeof orderDraft>[0], step: number): Promise<number> {
  const now = new Date()
  // Those that another worker has just taken are its own.
  const due = await tx.query<{ id: number; done: number }>(
    `SELECT id, (SELECT count(*)::int FROM store.order_steps WHERE order_id = orders.id) AS done
    FROM store.orders WHERE next_at <= $1 ORDER BY id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`,
    [now],
  )
  const drafts: Draft[] = []
  for (const { id, done } of due) {
    const isLast = done >= STATUSES.length - 1
    await tx.query('UPDATE store.orders SET next_at = $2 WHERE id = $1', [
      id,
      isLast ? null : new Date(+now + step),
    ])
    if (done >= STATUSES.length) continue
    await tx.query('INSERT INTO store.order_steps VALUES ($1, $2, $3, $4)', [
      id,
      done,
      STATUSES[done],
      now,
    ])
    const draft = await orderDraft(tx, id)
    if (draft) drafts.push(draft)
  }
  if (drafts.length > 0) await writeEvents(tx, drafts)
  return due.length
}
