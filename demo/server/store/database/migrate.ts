import type { Database, Queryable } from './database.js'

export interface Migration {
  readonly name: string
  up(tx: Queryable): Promise<void>
}

// Any number, the same for all who migrate: one at a time.
const LOCK = 7_233_001

/**
 * Brings the schema `store` up to date: each migration once, in order. All at once or not at all, so that nothing is left half done.
 *
 * @returns how many were applied.
 */
export function migrate(database: Database, migrations: readonly Migration[]): Promise<number> {
  return database.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
    // Looked for first: who may only use what is there isn't asked for more.
    const [schema] = await tx.query("SELECT FROM pg_namespace WHERE nspname = 'store'")
    if (!schema) await tx.query('CREATE SCHEMA store')
    await tx.query(
      'CREATE TABLE IF NOT EXISTS store.migrations (id int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
    )
    const applied = await tx.query<{ id: number; name: string }>(
      'SELECT id, name FROM store.migrations ORDER BY id',
    )
    for (const { id, name } of applied) {
      if (migrations[id - 1]?.name !== name) {
        throw new Error(
          `The database has migration ${id} "${name}", which this version of the store doesn't know: use a newer version, or another database`,
        )
      }
    }
    const pending = migrations.slice(applied.length)
    for (const [index, { name, up }] of pending.entries()) {
      await up(tx)
      await tx.query('INSERT INTO store.migrations (id, name) VALUES ($1, $2)', [
        applied.length + index + 1,
        name,
      ])
    }
    return pending.length
  })
}
