import { mustBe } from '../../protocol/fields.js'
import { selectorsOf, type Selector, type Topics } from '../../protocol/topic.js'
import type { Grant } from '../options.js'
import { allows } from './covers.js'
import { Refusal } from './refusal.js'

export type Authorize = (request: Request) => Grant | undefined | Promise<Grant | undefined>

const CHALLENGE = { 'www-authenticate': 'Bearer' }

/**
 * What a request may do.
 *
 * @throws {Refusal} 403 without the option, 401 for a request that has no grant. @throws What `authorize` throws; {TypeError} for what is
 * no grant.
 */
export async function grantOf(authorize: Authorize | undefined, request: Request): Promise<Grant> {
  if (!authorize) {
    throw new Refusal(
      403,
      'FORBIDDEN',
      'The hub has no `authorize` option, so that it answers nothing but /health: createHub({ authorize }) says who may read and write what',
    )
  }
  const grant = await authorize(request)
  if (grant === undefined) {
    throw new Refusal(401, 'UNAUTHORIZED', 'Nobody is known by this request: send it with credentials that are valid', CHALLENGE)
  }
  if (typeof grant !== 'object' || grant === null) throw new TypeError(mustBe('what authorize() returns', 'a grant or undefined', grant))
  const { principal, expiresAt } = grant
  if (principal !== undefined && typeof principal !== 'string') throw new TypeError(mustBe('principal', 'a string', principal))
  if (expiresAt !== undefined && !(expiresAt instanceof Date && !Number.isNaN(+expiresAt)))
    throw new TypeError(mustBe('expiresAt', 'a Date', expiresAt))
  // Its stream would end at once, and the client come back at once.
  if (expiresAt && +expiresAt <= Date.now()) {
    throw new Refusal(401, 'UNAUTHORIZED', 'The credentials have expired: send the request with new ones', CHALLENGE)
  }
  return grant
}

/** Refuses the whole request for one topic that isn't granted: narrowed, it would look as if nothing were published there. */
export function mustAllow(what: 'read' | 'write', granted: Topics | undefined, asked: readonly Selector[]): void {
  // Nothing named is nothing granted.
  const selectors = granted === undefined || (Array.isArray(granted) && granted.length === 0) ? [] : selectorsOf(granted)
  const refused = asked.find((one) => !allows(selectors, one))
  if (refused === undefined) return
  const named = `${typeof refused === 'string' ? '' : 'the pattern '}${JSON.stringify(String(refused))}`
  throw new Refusal(403, 'FORBIDDEN', `Not allowed to ${what} ${named}: leave it out, or ask for a grant that names it`)
}
