import type { ItemOf } from 'server-sent'
import type { Hub } from 'server-sent/hub'
import type { Database, Session } from './database/database.js'
import { events } from './events.js'
import { startLoop, type Loop } from './loop.js'

type Publishing = Pick<Hub<ItemOf<typeof events>, unknown>, 'publish'>

interface Row {
  readonly id: string
  readonly topic: string
  // Whatever was written, as this type of it: the hub's schemas are the outbox's.
  readonly event: 'stock'
  readonly data: never
  readonly supersedes: string | null
}

// Any number, the same for all relays of one database.
const LOCK = 7_233_002
const BATCH = 1_000
// Should a notification get lost; and how soon another relay takes over.
const POLL = 1_000
/** How often a level is told, in milliseconds: more than an eye can follow is nothing to look at. */
const INTERVAL = 150

/**
 * Hands what has been committed to the hub, and only then takes it out of the outbox. Killed between the two, it hands it on again: the
 * hub knows it by its key, for ten minutes.
 *
 * It works on the rows that are there, never from a position on: an id that is lower than others may be committed after them.
 *
 * One at a time, by a lock of its session. Demos that share a database must therefore share the hub as well (DATA_DIR), or only the
 * pages of one see it live. With an engine for PostgreSQL, hub and outbox are the database's own: all of this is then
 * `hub.publish(topic, item, { transaction })`.
 */
export function startRelay(database: Database, hub: Publishing, identity: string): Loop {
  let session: Session | undefined
  let leads = false
  let warned = false
  // When a level was last told.
  const told = new Map<string, number>()

  const loop = startLoop('relay', async () => {
    const mine = await leading()
    if (!mine) return POLL
    const rows = await mine.query<Row>(
      `SELECT id::text, topic, event, data, supersedes FROM store.outbox ORDER BY outbox.id LIMIT ${BATCH}`,
    )
    const { now, needless, rest } = sorted(rows)
    const { done, failure } = await handOn(now)
    if (done.length + needless.length > 0)
      await mine.query('DELETE FROM store.outbox WHERE id = ANY($1::bigint[])', [
        [...done, ...needless],
      ])
    if (failure) throw failure.reason
    return rows.length === BATCH ? 0 : rest
  })

  /** The session that has the lock, or none while another relay has it. */
  async function leading(): Promise<Session | undefined> {
    if (!session?.isOpen) {
      leads = false
      session = undefined
      const opened = await database.session(() => loop.wake())
      // One that doesn't listen is none: it would hear of nothing, and be asked each second only.
      try {
        await opened.query('LISTEN store_outbox')
      } catch (error) {
        await opened.release()
        throw error
      }
      session = opened
    }
    if (leads) return session
    const [row] = await session.query<{ leads: boolean }>(
      'SELECT pg_try_advisory_lock($1) AS leads',
      [LOCK],
    )
    leads = row?.leads === true
    if (leads) return session
    if (!warned)
      console.log(
        'Another demo hands on what happens in this database: give both the same DATA_DIR, or only its pages see it live',
      )
    warned = true
    return undefined
  }

  /** Levels that were just told wait for their time; those that a newer one follows aren't told at all. */
  function sorted(rows: readonly Row[]) {
    const time = performance.now()
    for (const [level, at] of told) if (time - at >= INTERVAL) told.delete(level)
    const newest = new Map(rows.map((row) => [levelOf(row), row.id]))
    const now: Row[] = []
    const needless: string[] = []
    let rest = POLL
    for (const row of rows) {
      const at = told.get(levelOf(row))
      if (row.supersedes === null) now.push(row)
      else if (newest.get(levelOf(row)) !== row.id) needless.push(row.id)
      else if (at === undefined) now.push(row)
      else rest = Math.min(rest, Math.ceil(INTERVAL - (time - at)))
    }
    return { now, needless, rest }
  }

  /** Topics at the same time, within one its events one after the other: none overtakes one that has failed. */
  async function handOn(rows: readonly Row[]) {
    const byTopic = new Map<string, Row[]>()
    for (const row of rows) byTopic.set(row.topic, [...(byTopic.get(row.topic) ?? []), row])
    const done: string[] = []
    const results = await Promise.allSettled(
      [...byTopic].map(async ([topic, ofTopic]) => {
        for (const row of ofTopic) {
          const idempotencyKey = `${identity}:${row.id}`
          await hub.publish(topic, events.item(row.event, row.data), { idempotencyKey })
          if (row.supersedes !== null) told.set(levelOf(row), performance.now())
          done.push(row.id)
        }
      }),
    )
    return { done, failure: results.find((result) => result.status === 'rejected') }
  }

  return {
    wake: loop.wake,
    async stop() {
      await loop.stop()
      await session?.release()
    },
  }
}

function levelOf({ topic, supersedes }: Row): string {
  return `${topic} ${supersedes}`
}
