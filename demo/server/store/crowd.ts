import { HttpError } from '../http.js'
import type { Database } from './database/database.js'
import { startLoop, type Loop } from './loop.js'
import type { SaleRow } from './sale-events.js'

// Of the pieces, so many go slowly: who looks at the page has most of the sale to buy one.
const CALM = 0.8
const LATE = 2_000

/**
 * Simulated shoppers of a sale. When each of them buys is a function of the sale and of its number, and so is its key: after a restart
 * those go on whose time hasn't come, and nobody buys twice.
 */
export function startCrowd(
  database: Database,
  buy: (sku: string, key: string) => Promise<unknown>,
): Loop {
  let sale = 0
  let next = 0
  const buying = new Set<Promise<void>>()
  const loop = startLoop('crowd', async () => {
    const [row] = await database.query<SaleRow>(
      `SELECT * FROM store.sales WHERE state IN ('announced', 'running') ORDER BY id DESC LIMIT 1`,
    )
    if (!row) return 60_000
    if (row.id !== sale) [sale, next] = [row.id, 0]
    for (const now = Date.now(); next < row.crowd; next++) {
      const at = timeOf(next, row)
      if (at > now) return Math.min(at - now, 1_000)
      // It is about to begin.
      if (row.state === 'announced') return 20
      if (at > now - LATE) shop(row.sku, `crowd:${sale}:${next}`)
    }
    return 60_000
  })

  function shop(sku: string, key: string): void {
    const done = buy(sku, key)
      .then(
        () => {},
        (error: unknown) => {
          // Sold out: a shopper's luck.
          if (!(error instanceof HttpError)) console.error('A simulated shopper has failed:', error)
        },
      )
      .finally(() => buying.delete(done))
    buying.add(done)
  }

  return {
    wake: loop.wake,
    async stop() {
      await loop.stop()
      await Promise.all(buying)
    },
  }
}

/** The first ones take their time, over most of the sale; then all others come. */
function timeOf(shopper: number, { id, crowd, total, starts_at, ends_at }: SaleRow): number {
  const calm = Math.min(crowd, Math.floor(total * CALM))
  const place = shopper + chance(id * 1_000 + shopper)
  const part =
    shopper < calm ? 0.03 + (0.67 * place) / calm : 0.7 + (0.27 * (place - calm)) / (crowd - calm)
  return Number(starts_at) + part * (Number(ends_at) - Number(starts_at))
}

/** In [0, 1), and always the same for the same `n`. */
function chance(n: number): number {
  return (Math.imul(n + 11, 0x9e3779b1) >>> 8) / 2 ** 24
}
