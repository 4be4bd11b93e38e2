import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { HttpError } from '../http.js'
import { createAttempts } from './attempts.js'
import type { Database } from './database/database.js'
import { isPassword } from './passwords.js'

export interface Session {
  readonly id: string
  readonly customer: { readonly id: number; readonly name: string; readonly email: string }
  readonly expiresAt: Date
  /** What changing requests carry in `x-csrf`: other sites can't read it. */
  readonly csrf: string
}

export interface Sessions {
  /** @throws {HttpError} 401 BAD_CREDENTIALS, 429 TOO_MANY_ATTEMPTS */
  signIn(
    email: string,
    password: string,
  ): Promise<{ readonly session: Session; readonly cookie: string }>
  /** Whose request it is. */
  find(req: IncomingMessage): Promise<Session | undefined>
  /** Ends it, and its streams. Returns the cookie that takes the place of its own. */
  signOut(session: Session): Promise<string>
  /** To be asked right before a stream begins: whether it was ended while its request was on its way. */
  hasEnded(session: Session): boolean
}

const COOKIE = 'store_session'
// Longer than any request is on its way.
const REMEMBERED = 60_000

/**
 * Sessions are in the database, known by the hash of what the browser has: who reads the table can't be anybody.
 *
 * @param length in milliseconds
 * @param endStreams of a session, by its id
 */
export function createSessions(
  database: Database,
  length: number,
  endStreams: (id: string) => void,
): Sessions {
  const attempts = createAttempts()
  const ended = new Set<string>()

  return {
    async signIn(email, password) {
      const name = email.trim().toLowerCase()
      attempts.count(name)
      const [customer] = await database.query<Session['customer'] & { password_hash: string }>(
        'SELECT id, name, email, password_hash FROM store.customers WHERE email = $1',
        [name],
      )
      if (!(await isPassword(password, customer?.password_hash)) || !customer) {
        throw new HttpError(
          401,
          'BAD_CREDENTIALS',
          'No account has this e-mail address and this password',
        )
      }
      attempts.forgive(name)
      const token = randomBytes(32).toString('base64url')
      const id = randomUUID()
      const expiresAt = new Date(Date.now() + length)
      await database.query('DELETE FROM store.sessions WHERE expires_at < $1', [new Date()])
      await database.query(
        'INSERT INTO store.sessions (token_hash, id, customer_id, expires_at) VALUES ($1, $2, $3, $4)',
        [hashOf(token), id, customer.id, expiresAt],
      )
      const { password_hash: _, ...whose } = customer
      return {
        session: { id, customer: whose, expiresAt, csrf: csrfOf(token) },
        cookie: cookieOf(token, Math.ceil(length / 1_000)),
      }
    },
    async find(req) {
      const token = tokenOf(req)
      if (token === undefined) return undefined
      const [row] = await database.query<
        { session: string; expiresAt: Date } & Session['customer']
      >(
        `SELECT s.id AS session, s.expires_at AS "expiresAt", c.id, c.name, c.email
        FROM store.sessions s JOIN store.customers c ON c.id = s.customer_id WHERE token_hash = $1 AND expires_at > $2`,
        [hashOf(token), new Date()],
      )
      if (!row) return undefined
      const { session, expiresAt, ...customer } = row
      return { id: session, customer, expiresAt, csrf: csrfOf(token) }
    },
    async signOut({ id }) {
      await database.query('DELETE FROM store.sessions WHERE id = $1', [id])
      ended.add(id)
      setTimeout(() => ended.delete(id), REMEMBERED).unref()
      endStreams(id)
      return cookieOf('', 0)
    },
    hasEnded: ({ id }) => ended.has(id),
  }
}

export function isCsrfOf(session: Session, given: string | string[] | undefined): boolean {
  if (typeof given !== 'string' || given.length !== session.csrf.length) return false
  return timingSafeEqual(Buffer.from(given, 'latin1'), Buffer.from(session.csrf, 'latin1'))
}

/** Read by no script; sent by no other site; of the store alone. Not `Secure`: this is http://localhost. */
function cookieOf(token: string, seconds: number): string {
  return `${COOKIE}=${token}; Path=/store; HttpOnly; SameSite=Strict; Max-Age=${seconds}`
}

function tokenOf({ headers }: IncomingMessage): string | undefined {
  return /(?:^|;\s*)store_session=([\w-]{43})(?:;|$)/.exec(headers.cookie ?? '')?.[1]
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

/** Of the token, so that nothing has to be kept; and not the token. */
function csrfOf(token: string): string {
  return createHash('sha256').update(`csrf ${token}`).digest('base64url')
}
