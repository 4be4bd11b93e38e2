import type { SseItem } from 'server-sent'
import type { Queryable } from './database/database.js'

/** An event on its way to the hub. */
export interface Draft {
  readonly topic: string
  readonly item: SseItem
  /** It is needless once a newer one of the same topic and event is there: a level, not a step. */
  readonly isLevel?: boolean
}

/**
 * Writes events with whatever they tell of, in one transaction: what is rolled back is never told, what is committed always.
 *
 * Events of one product are written by who holds the lock of its stock, those of an order by who holds the order's: their ids rise in the
 * order of the commits. Of different things they needn't, and a lower id may appear later.
 */
export async function writeEvents(tx: Queryable, drafts: readonly Draft[]): Promise<void> {
  await tx.query(
    `INSERT INTO store.outbox (topic, event, data, supersedes)
    SELECT e ->> 'topic', e ->> 'event', e -> 'data', e ->> 'supersedes'
    FROM json_array_elements($1::json) WITH ORDINALITY AS list (e, place) ORDER BY place`,
    [
      JSON.stringify(
        drafts.map(({ topic, item: { event, data }, isLevel }) => ({
          topic,
          event,
          data,
          supersedes: isLevel ? event : null,
        })),
      ),
    ],
  )
}

export const SALE_TOPIC = 'sale'

export function stockTopic(category: string, sku: string): string {
  return `stock/${category}/${sku}`
}

export function ordersTopic(customer: number): string {
  return `orders/${customer}`
}
