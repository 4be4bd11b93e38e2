import type { IncomingMessage } from 'node:http'
import { HttpError, answer } from '../http.js'
import { ACCOUNTS } from './accounts.js'
import { checkSameSite, fieldsOf, text } from './request.js'
import type { StoreHandler } from './handler.js'
import { isCsrfOf, type Session } from './sessions.js'

/** Who is signed in; and, since this is a demo, who could be. */
export const showSession: StoreHandler = async ({ sessions }, req, res) => {
  const session = await sessions.find(req)
  answer(res, 200, { ...toAnswer(session), accounts: ACCOUNTS })
}

export const signIn: StoreHandler = async ({ sessions }, req, res) => {
  checkSameSite(req)
  const { email, password } = await fieldsOf(req, {
    email: text(/^[^\0]{1,200}$/, 'an e-mail address'),
    password: text(/^[^\0]{1,200}$/s, '1 to 200 characters'),
  })
  const before = await sessions.find(req)
  const { session, cookie } = await sessions.signIn(email, password)
  // Whoever it was: the browser forgets that session now, and its streams would go on.
  if (before) await sessions.signOut(before)
  res.setHeader('Set-Cookie', cookie)
  answer(res, 200, toAnswer(session))
}

export const signOut: StoreHandler = async ({ sessions }, req, res) => {
  checkSameSite(req)
  const session = await sessions.find(req)
  if (session) {
    checkCsrf(session, req)
    res.setHeader('Set-Cookie', await sessions.signOut(session))
  }
  res.writeHead(204, { 'Cache-Control': 'no-store' }).end()
}

/** @throws {HttpError} 403 */
export function checkCsrf(session: Session, { headers }: IncomingMessage): void {
  if (isCsrfOf(session, headers['x-csrf'])) return
  throw new HttpError(403, 'CSRF', 'Send the `csrf` of GET /store/session as the header x-csrf')
}

function toAnswer(session: Session | undefined) {
  const { name, email } = session?.customer ?? {}
  return { customer: session ? { name, email } : null, csrf: session?.csrf ?? '', now: Date.now() }
}
