import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../demo/server/store/database/database.js'
import type * as migrate from '../../demo/server/store/database/migrate.js'
import type * as pglite from '../../demo/server/store/database/pglite.js'
import type * as postgres from '../../demo/server/store/database/postgres.js'
import type * as migrations from '../../demo/server/store/migrations/index.js'
import type * as purchase from '../../demo/server/store/purchase.js'
import { newFolder, removeFolders } from '../helpers/folders.js'
import { describeWithPostgres, removePostgres, startPostgres, type PostgresServer } from '../helpers/postgres.js'
import { until } from '../helpers/until.js'

// As it is built: a thread is started from a file.
const built = (path: string): string => fileURLToPath(new URL(`../../demo/dist/server/store/${path}`, import.meta.url))
const modules = async () => {
  const { buildDemo } = (await import(fileURLToPath(new URL('../../scripts/lib/build-demo.mjs', import.meta.url)))) as {
    buildDemo(): Promise<void>
  }
  await buildDemo()
  return {
    ...((await import(built('database/pglite.js'))) as typeof pglite),
    ...((await import(built('database/postgres.js'))) as typeof postgres),
    ...((await import(built('database/migrate.js'))) as typeof migrate),
    ...((await import(built('migrations/index.js'))) as typeof migrations),
    ...((await import(built('purchase.js'))) as typeof purchase),
  }
}

let store: Awaited<ReturnType<typeof modules>>
beforeAll(async () => {
  store = await modules()
})
afterAll(async () => {
  await removePostgres()
  removeFolders()
})

describe('the embedded database', () => {
  let database: Database
  beforeAll(async () => {
    database = await store.openPglite(newFolder())
  })
  afterAll(() => database.close())
  rules(() => database)

  test('500 purchases stop no timer of the server', async () => {
    await store.migrate(database, store.migrations)
    // What is counted is purchases between two ticks: where all stands still, none is made either.
    const between = [0]
    const timer = setInterval(() => between.push(0), 5)
    const outcomes = await Promise.allSettled(
      Array.from({ length: 500 }, async (_, index) => {
        try {
          await store.purchase(database, { sku: 'KIT-001', quantity: 1, key: `lag-${index}-key`, customer: undefined }, 1_000)
        } finally {
          between[between.length - 1] = (between.at(-1) as number) + 1
        }
      }),
    )
    clearInterval(timer)
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0)
    // On the server's own thread it was all of them.
    expect(Math.max(...between)).toBeLessThan(50)
    expect(between.filter((purchases) => purchases > 0).length).toBeGreaterThan(10)
  })
})

describeWithPostgres('a PostgreSQL', () => {
  let server: PostgresServer
  let database: Database
  beforeAll(async () => {
    server = await startPostgres()
    database = await store.openPostgres(server.url())
  })
  afterAll(() => database.close())
  rules(() => database)

  test('transactions that are in each other’s way are tried again until both are done', async () => {
    await database.query('CREATE TABLE pair (id int PRIMARY KEY, n int)')
    await database.query('INSERT INTO pair VALUES (1, 0), (2, 0)')
    let runs = 0
    let firsts = 0
    const both = (first: number, second: number) =>
      database.transaction(async (tx) => {
        runs++
        await tx.query('UPDATE pair SET n = n + 1 WHERE id = $1', [first])
        firsts++
        await until('both have their first', () => firsts >= 2)
        await tx.query('UPDATE pair SET n = n + 1 WHERE id = $1', [second])
      })
    await Promise.all([both(1, 2), both(2, 1)])
    expect(await database.query('SELECT n FROM pair ORDER BY id')).toEqual([{ n: 2 }, { n: 2 }])
    expect(runs).toBeGreaterThan(2)
  })

  test('migrations by several at the same time are applied once', async () => {
    const url = await server.createDatabase('several')
    const databases = await Promise.all(Array.from({ length: 4 }, () => store.openPostgres(url)))
    const applied = await Promise.all(databases.map((database) => store.migrate(database, store.migrations)))
    expect(applied.sort()).toEqual([0, 0, 0, store.migrations.length])
    await Promise.all(databases.map((database) => database.close()))
  })
})

/** What holds for both. */
function rules(database: () => Database): void {
  test('a transaction is all or nothing, and others don’t see half of it', async () => {
    await database().query('CREATE TABLE words (word text)')
    const failed = database().transaction(async (tx) => {
      await tx.query("INSERT INTO words VALUES ('half')")
      await tx.query('SELECT pg_sleep(0.05)')
      throw new Error('never mind')
    })
    const [, seen] = await Promise.allSettled([failed, database().query('SELECT word FROM words')])
    await expect(failed).rejects.toThrow('never mind')
    expect(seen).toMatchObject({ status: 'fulfilled', value: [] })
    await expect(database().transaction((tx) => tx.query('no sql'))).rejects.toMatchObject({ code: '42601' })
    expect(await database().transaction((tx) => tx.query("INSERT INTO words VALUES ('whole') RETURNING word"))).toEqual([{ word: 'whole' }])
  })

  test('values come back as they went in', async () => {
    const at = new Date()
    const values = [at, ['a', 'b"c,{}'], JSON.stringify({ a: [1, 'ä'] }), null, 7]
    const [row] = await database().query(
      'SELECT $1::timestamptz AS at, $2::text[] AS list, $3::json AS json, $4::int AS nothing, $5::int AS n',
      values,
    )
    expect(row).toEqual({ at, list: ['a', 'b"c,{}'], json: { a: [1, 'ä'] }, nothing: null, n: 7 })
  })

  test('a session hears what is notified, when it is committed', async () => {
    const heard: string[] = []
    const session = await database().session((channel) => heard.push(channel))
    await session.query('LISTEN news')
    await database().transaction(async (tx) => {
      await tx.query('NOTIFY news')
      await tx.query('SELECT 1')
      expect(heard).toEqual([])
    })
    await until('it is heard', () => heard.length > 0)
    expect(heard).toEqual(['news'])
    await session.release()
  })

  test('migrations are applied once, in order, and all of them or none', async () => {
    const broken: migrate.Migration = { name: 'broken', up: (tx) => tx.query('SELECT nothing').then(() => {}) }
    await expect(store.migrate(database(), [...store.migrations, broken])).rejects.toThrow('nothing')
    expect(await database().query("SELECT FROM pg_namespace WHERE nspname = 'store'")).toEqual([])
    expect(await store.migrate(database(), store.migrations)).toBe(store.migrations.length)
    const [identity] = await database().query('SELECT id FROM store.identity')
    expect(await store.migrate(database(), store.migrations)).toBe(0)
    expect(await database().query('SELECT id FROM store.identity')).toEqual([identity])
    const more: migrate.Migration = { name: 'more', up: (tx) => tx.query('CREATE TABLE store.more ()').then(() => {}) }
    expect(await store.migrate(database(), [...store.migrations, more])).toBe(1)
    await expect(store.migrate(database(), store.migrations)).rejects.toThrow('migration 4 "more"')
    await database().query('DELETE FROM store.migrations WHERE id = 4')
  })
}
