import { setTimeout } from 'node:timers/promises'
import type * as pg from 'pg'
import {
  DatabaseUnavailable,
  isShortage,
  isWorthRepeating,
  type Database,
  type Queryable,
  type Session,
} from './database.js'

const CONNECTIONS = 20
const TRIES = 6

// All in milliseconds. For a free connection: who comes with hundreds of others waits longer than a server takes that isn't there.
const TURN = 30_000
const CONNECT = 5_000
// A statement is ended by the server; an answer is waited for a little longer, because none ever comes when the server is gone without a word.
const STATEMENT = 15_000
const ANSWER = STATEMENT + 5_000
// So long a server keeps the locks of who is gone without a word: of a transaction, and of a session, which asks each second.
const IDLE_TRANSACTION = 10_000
const IDLE_SESSION = 15_000

// Errors of Node's sockets, of a server that is starting or stopping (57P..), and of connections (08...).
const UNREACHABLE = /^(E[A-Z_]+|57P0\d|08\w{3}|53300)$/
// A statement that took too long, a transaction that waited too long, a server that only reads.
const REFUSING = /^(57014|25P03|25006)$/

/** A PostgreSQL server, over a pool of connections. */
export async function openPostgres(url: string): Promise<Database> {
  // pg would take anything else for the name of a database on this machine.
  if (!/^postgres(ql)?:\/\//i.test(url))
    throw explained(new Error('it must begin with postgres:// or postgresql://'))
  const { Client, Pool } = await import('pg')
  const options = {
    connectionString: url,
    connectionTimeoutMillis: CONNECT,
    query_timeout: ANSWER,
    keepAlive: true,
  }
  // The pool's own time is that for a turn; each client has one of its own to connect.
  class PoolClient extends Client {
    constructor() {
      super({
        ...options,
        statement_timeout: STATEMENT,
        idle_in_transaction_session_timeout: IDLE_TRANSACTION,
      })
    }
  }
  let pool: pg.Pool
  try {
    pool = new Pool({
      ...options,
      Client: PoolClient,
      connectionTimeoutMillis: TURN,
      max: CONNECTIONS,
    })
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
    // Then the server rolls back by itself, and asking for it would be another wait.
    broken = error instanceof DatabaseUnavailable
    if (!broken) await query('ROLLBACK').catch(() => (broken = true))
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
  const release = (): Promise<void> => {
    isOpen = false
    return client.end().catch(() => {})
  }
  const ask = asking(client)
  const query: Queryable['query'] = async (sql, values) => {
    try {
      return await ask(sql, values)
    } catch (error) {
      // Without an answer nothing is known of it any more.
      if (error instanceof DatabaseUnavailable) void release()
      throw error
    }
  }
  try {
    await client.connect()
  } catch (error) {
    throw explained(error)
  }
  // PostgreSQL has it since version 14: what older ones don't know isn't asked of them.
  await query(
    `SELECT set_config(name, $1, false) FROM pg_settings WHERE name = 'idle_session_timeout'`,
    [String(IDLE_SESSION)],
  )
  return {
    query,
    get isOpen() {
      return isOpen
    },
    release,
  }
}

function asking(client: pg.Pool | pg.Client | pg.PoolClient): Queryable['query'] {
  return async <Row>(sql: string, values: readonly unknown[] = []) => {
    try {
      return (await client.query(sql, [...values])).rows as Row[]
    } catch (error) {
      if (isUnreachable(error)) throw explained(error)
      throw isRefusing(error) ? refused(error) : error
    }
  }
}

function isUnreachable(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message: string }
  return typeof code === 'string'
    ? UNREACHABLE.test(code)
    : /connection|timeout|not queryable/i.test(message)
}

function isRefusing(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return isShortage(error) || (typeof code === 'string' && REFUSING.test(code))
}

function refused(error: unknown): Error {
  const { message } = error as Error
  return new DatabaseUnavailable(
    `The PostgreSQL of DATABASE_URL can't do that just now: ${message}. What was asked has not happened`,
    { cause: error },
  )
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
