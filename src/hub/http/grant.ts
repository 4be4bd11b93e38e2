import { mustBe } from '../../protocol/fields.js'
import { selectorsOf, type Selector, type Topics } from '../../protocol/topic.js'
import type { Grant } from '../options.js'
import type { Watch } from '../revocations.js'
import { allows } from './covers.js'
import { internal, Refusal } from './refusal.js'

export type Authorize = (request: Request) => Grant | undefined | Promise<Grant | undefined>

const CHALLENGE = { 'www-authenticate': 'Bearer' }

// How often it is asked when its principal is revoked each time.
const TRIES = 3

/** A grant as it is asked: what isn't named is an empty list. */
export interface Granted extends Pick<Grant, 'principal' | 'expiresAt'> {
  readonly read: readonly Selector[]
  readonly write: readonly Selector[]
}

/**
 * What a request may do.
 *
 * @throws {Refusal} 403 without the option, 401 for a request that has no grant; 500 when `authorize` fails or gives what is no grant, of
 * which only `onError` hears more.
 */
export async function grantOf(
  authorize: Authorize | undefined,
  request: Request,
  watch: Watch,
  onError: (error: unknown) => void,
): Promise<Granted> {
  if (!authorize) {
    throw new Refusal(
      403,
      'FORBIDDEN',
      'The hub has no `authorize` option, so that it answers nothing but /health: createHub({ authorize }) says who may read and write what',
    )
  }
  for (let tries = 0; tries < TRIES; tries++) {
    watch.renew()
    const granted = await ask(authorize, request).catch((error: unknown) => {
      if (error instanceof Refusal) throw error
      // Whatever it is: an SseError of the application's would be told to the client.
      throw internal(error, request.signal.aborted ? () => {} : onError)
    })
    if (!granted) {
      throw new Refusal(401, 'UNAUTHORIZED', 'Nobody is known by this request: send it with credentials that are valid', CHALLENGE)
    }
    mustBeValid(granted)
    // Revoked while it was asked: what it says may be of before.
    if (!watch.has(granted.principal)) return granted
  }
  throw revoked()
}

/** Once more, after something that took its time. @throws {Refusal} 401. */
export function mustStillHold(granted: Granted, watch: Watch): void {
  mustBeValid(granted)
  if (watch.has(granted.principal)) throw revoked()
}

function mustBeValid({ expiresAt }: Granted): void {
  // Its stream would end at once, and the client come back at once.
  if (!expiresAt || expiresAt.getTime() > Date.now()) return
  throw new Refusal(401, 'UNAUTHORIZED', 'The credentials have expired: send the request with new ones', CHALLENGE)
}

function revoked(): Refusal {
  return new Refusal(401, 'UNAUTHORIZED', 'The credentials were revoked meanwhile: send the request again, with new ones', CHALLENGE)
}

async function ask(authorize: Authorize, request: Request): Promise<Granted | undefined> {
  const grant = await authorize(request)
  if (grant === undefined) return undefined
  if (typeof grant !== 'object' || grant === null) throw new TypeError(mustBe('what authorize() returns', 'a grant or undefined', grant))
  const { principal, expiresAt, read, write } = grant
  if (principal !== undefined && typeof principal !== 'string') throw new TypeError(mustBe('principal', 'a string', principal))
  if (expiresAt !== undefined && !(expiresAt instanceof Date && !Number.isNaN(expiresAt.getTime())))
    throw new TypeError(mustBe('expiresAt', 'a Date', expiresAt))
  return { principal, expiresAt, read: listOf(read), write: listOf(write) }
}

function listOf(topics: Topics | undefined): readonly Selector[] {
  return topics === undefined || (Array.isArray(topics) && topics.length === 0) ? [] : selectorsOf(topics)
}

/** Refuses the whole request for one topic that isn't granted: narrowed, it would look as if nothing were published there. */
export function mustAllow(what: 'read' | 'write', granted: Granted, asked: readonly Selector[]): void {
  const refused = asked.find((one) => !allows(granted[what], one))
  if (refused === undefined) return
  const named = `${typeof refused === 'string' ? '' : 'the pattern '}${JSON.stringify(String(refused))}`
  throw new Refusal(403, 'FORBIDDEN', `Not allowed to ${what} ${named}: leave it out, or ask for a grant that names it`)
}
