import { setTimeout } from 'node:timers/promises'
import type * as pg from 'pg'
import {
  DatabaseUnavailable,
  isWorthRepeating,
  type Database,
  type Queryable,
  type Session,
} from './database.js'

const CONNECTIONS = 20
const TRIES = 6
// Errors of Node's sockets, of a server that is starting or stopping (57P..), and of connections (08...).
const UNREACHABLE = /^(E[A-Z_]+|57P0\d|08\w{3}|53300)$/

/** A PostgreSQL server, over a pool of connections. */
export async function openPostgres(url: string): Promise<Database> {
  // pg would take anything else for the name of a database on this machine.
  if (!/^postgres(ql)?:\/\//i.test(url))
    throw explained(new Error('it must begin with postgres:// or postgresql://'))
  const { Client, Pool } = await import('pg')
  const options = { connectionString: url, connectionTimeoutMillis: 5_000, keepAlive: true }
  let pool: pg.Pool
  try {
    pool = new Pool({ ...options, max: CONNECTIONS, statement_timeout: 30_000 })
  } catch (error) {
    throw explained(error)
  }
  // Of idle connections: the next query opens another.
  pool.on('error', () => {})
  try {
    await pool.query('SELECT 1')
  } catch (error) {
    await pool.end().catch(() => {})
    throw explained(error)
  }

  return {
    query: asking(pool),
    async transaction(work) {
      for (let tries = 1; ; tries++) {
        try {
          return await once(pool, work)
        } catch (error) {
          if (tries === TRIES || !isWorthRepeating(error)) throw error
          // By chance, so that those who were in each other's way aren't again.
          await setTimeout(Math.random() * 20 * tries)
        }
      }
    },
    session: (onNotify) => openSession(new Client(options), onNotify),
    // The pool connects anew by itself.
    lost: new Promise(() => {}),
    close: () => pool.end(),
  }
}

async function once<T>(pool: pg.Pool, work: (tx: Queryable) => Promise<T>): Promise<T> {
  let client: pg.PoolClient
  try {
    client = await pool.connect()
  } catch (error) {
    throw explained(error)
  }
  // Lost while nothing is asked: without a listener that would end the process.
  const ignore = (): void => {}
  client.on('error', ignore)
  const query = asking(client)
  let broken = false
  try {
    await query('BEGIN')
    const result = await work({ query })
    await query('COMMIT')
    return result
  } catch (error) {
    await query('ROLLBACK').catch(() => (broken = true))
    throw error
  } finally {
    client.off('error', ignore)
    client.release(broken)
  }
}

async function openSession(
  client: pg.Client,
  onNotify: (channel: string) => void,
): Promise<Session> {
  let isOpen = true
  const closed = (): void => void (isOpen = false)
  client.on('error', closed).on('end', closed)
  client.on('notification', ({ channel }) => onNotify(channel))
  try {
    await client.connect()
  } catch (error) {
    throw explained(error)
  }
  return {
    query: asking(client),
    get isOpen() {
      return isOpen
    },
    release: () => client.end().catch(() => {}),
  }
}

function asking(client: pg.Pool | pg.Client | pg.PoolClient): Queryable['query'] {
  return async <Row>(sql: string, values: readonly unknown[] = []) => {
    try {
      return (await client.query(sql, [...values])).rows as Row[]
    } catch (error) {
      throw isUnreachable(error) ? explained(error) : error
    }
  }
}

function isUnreachable(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message: string }
  return typeof code === 'string'
    ? UNREACHABLE.test(code)
    : /connection|timeout e|not queryable/i.test(message)
}

/** Without the URL: it has a password. */
function explained(error: unknown): Error {
  const { message, code } = error as { message: string; code?: unknown }
  const words = message || String(code)
  return new DatabaseUnavailable(
    `The PostgreSQL of DATABASE_URL can't be used: ${words}. Start it or correct DATABASE_URL; without DATABASE_URL the store has a database of its own`,
    { cause: error },
  )
}
