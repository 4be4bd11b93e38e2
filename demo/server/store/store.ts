import { join } from 'node:path'
import type { ItemOf, Gap, SseItem } from 'server-sent'
import { diskEngine } from 'server-sent/engines/disk'
import { createHub, type Hub } from 'server-sent/hub'
import { startCrowd } from './crowd.js'
import { DatabaseUnavailable, type Database } from './database/database.js'
import { migrate } from './database/migrate.js'
import { openPglite } from './database/pglite.js'
import { openPostgres } from './database/postgres.js'
import { events } from './events.js'
import { migrations } from './migrations/index.js'
import { purchase, type Bought, type Wish } from './purchase.js'
import { startRelay } from './relay.js'
import { startSaleClock, type SaleClock } from './sale.js'
import { createSessions, type Sessions } from './sessions.js'
import type { Settings } from './settings.js'
import { startTracking } from './tracking.js'

type StoreHub = Hub<ItemOf<typeof events>, ItemOf<typeof events> | SseItem<Gap, 'gap'>>

export interface Store {
  readonly database: Database
  readonly hub: StoreHub
  readonly sessions: Sessions
  readonly sale: SaleClock
  readonly settings: Settings
  buy(wish: Wish): Promise<Bought>
  /** Everything it has started, the last first. */
  close(): Promise<void>
}

/** Database, hub, and what works between the two. */
export async function openStore(settings: Settings): Promise<Store> {
  const { dataFolder, databaseUrl, step, session } = settings
  const opened: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (const end of opened.splice(0).toReversed()) await end()
  }
  try {
    const database =
      databaseUrl === undefined ? await openPglite(dataFolder) : await openPostgres(databaseUrl)
    opened.push(() => database.close())
    await migrate(database, migrations)
    const [identity] = await database.query<{ id: string }>('SELECT id FROM store.identity')
    const { id } = identity as { id: string }
    // Of this database: in another one, the same ids are other orders.
    const path = join(dataFolder, `hub-${id}`)
    const engine = diskEngine({ path })
    const hub = createHub({
      engine,
      events,
      topics: {
        'stock/**': { history: { size: 100 } },
        'orders/*': { history: { size: 2_000, age: 7 * 86_400_000 } },
        sale: { history: { size: 500 } },
      },
    })
    opened.push(() => hub.close())
    // Without it orders would be taken that nobody is told of.
    await hub.ready.catch((cause: unknown) => {
      throw new DatabaseUnavailable(
        `The store's history in ${path} can't be opened: ${(cause as Error).message}. DATA_DIR names another folder`,
        { cause },
      )
    })
    const relay = startRelay(database, hub, id)
    opened.push(relay.stop)
    const tracking = startTracking(database, step)
    opened.push(tracking.stop)
    const buy = async (wish: Wish): Promise<Bought> => {
      const bought = await purchase(database, wish, step)
      if (wish.customer !== undefined) tracking.wake()
      return bought
    }
    const crowd = startCrowd(database, (sku, key) =>
      buy({ sku, quantity: 1, key, customer: undefined }),
    )
    opened.push(crowd.stop)
    const sale = startSaleClock(database, crowd.wake)
    opened.push(sale.stop)
    const sessions = createSessions(database, session, (of) => hub.revoke(principalOf(of)))
    return { database, hub, sessions, sale, settings, buy, close }
  } catch (error) {
    await close().catch(() => {})
    throw error instanceof DatabaseUnavailable
      ? error
      : new DatabaseUnavailable(
          `The store can't be opened${databaseUrl === undefined ? '' : ' in the PostgreSQL of DATABASE_URL'}: ${(error as Error).message}`,
          { cause: error },
        )
  }
}

/** Whose streams those of a session are, for the hub. */
export function principalOf(session: string): string {
  return `session:${session}`
}
