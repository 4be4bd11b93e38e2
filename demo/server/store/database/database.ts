/** What a row has is said by who asks for it. */
export interface Queryable {
  query<Row = Record<string, unknown>>(sql: string, values?: readonly unknown[]): Promise<Row[]>
}

/** What the store needs of PostgreSQL: a server, or the embedded one. */
export interface Database extends Queryable {
  /**
   * All of it or nothing, committed when it resolves. Whatever `work` throws rolls back. It may be run more than once, when others were in
   * the way, and asks `tx` alone: the embedded database has only one connection.
   */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>
  /** A connection that stays, for what belongs to one: LISTEN, locks of a session. */
  session(onNotify: (channel: string) => void): Promise<Session>
  /** When it won't answer any more, and has to be opened anew. */
  readonly lost: Promise<Error>
  close(): Promise<void>
}

export interface Session extends Queryable {
  readonly isOpen: boolean
  release(): Promise<void>
}

/** The database can't be reached or opened; the message says what to do. */
export class DatabaseUnavailable extends Error {}

/** Serialisation failures and deadlocks: nobody's fault, and nothing has happened. */
export function isWorthRepeating(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === '40001' || code === '40P01'
}

/** The server has no disk, no memory or no file left, or the system refuses them (classes 53 and 58): nothing has happened. */
export function isShortage(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^5[38]\w{3}$/.test(code)
}
