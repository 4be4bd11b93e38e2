import { mustBe, show } from '../../protocol/fields.js'
import { allowOrigin } from '../../respond/admit.js'
import type { Cors } from '../../respond/options.js'
import { Refusal } from './refusal.js'

/**
 * The check against DNS rebinding: a page of a foreign name that was made to point at this server sends that name.
 *
 * @throws {TypeError} for an option that is no list of hosts.
 */
export function hostCheck(allowHosts: readonly string[] | undefined): (request: Request) => void {
  if (allowHosts === undefined) return () => {}
  if (!Array.isArray(allowHosts)) throw new TypeError(mustBe('allowHosts', 'a list of host names', allowHosts))
  const allowed = new Set(
    (allowHosts as readonly unknown[]).map((one) => {
      const host = typeof one === 'string' ? parseHost(one) : undefined
      if (!host) throw new TypeError(mustBe('allowHosts', 'host names like shop.example, with a port or without', one))
      return host.host
    }),
  )
  return ({ url, headers }) => {
    for (const given of [new URL(url).host, headers.get('host')]) {
      if (given === null) continue
      const host = parseHost(given)
      // One that is allowed without a port is so with any.
      if (host && (allowed.has(host.host) || allowed.has(host.hostname))) continue
      throw new Refusal(
        421,
        'HOST_NOT_ALLOWED',
        `This server doesn't answer for the host ${show(given)}: \`allowHosts\` names those it does`,
      )
    }
  }
}

function parseHost(text: string): URL | undefined {
  // Nothing but a host: no path, no user.
  return /^[^/?#@\\\s]+$/.test(text) && URL.canParse(`http://${text}`) ? new URL(`http://${text}`) : undefined
}

/** Lets pages of other origins read an answer, as far as the option allows. */
export function allowReading(headers: Headers, request: Request, cors: Cors | undefined): void {
  if (!cors) return
  allowOrigin(headers, request.headers.get('origin'), cors)
  if (!headers.has('access-control-allow-origin')) return
  headers.append('access-control-allow-headers', 'Idempotency-Key')
  headers.set('access-control-expose-headers', 'Retry-After')
}

/**
 * Refuses what a page of another site could send without being asked for (a text/plain form needs no preflight), with the cookies of
 * whoever looks at it, or to a server that only this machine reaches.
 *
 * @param isStrict It must say where it comes from, as all browsers do of what changes something.
 * @throws {Refusal} 403.
 */
export function mustBeOurs(request: Request, cors: Cors | undefined, { isStrict = false } = {}): void {
  if (!isFromElsewhere(request)) {
    if (!isStrict || request.headers.has('origin') || request.headers.has('sec-fetch-site')) return
    throw new Refusal(
      403,
      'ORIGIN_NOT_ALLOWED',
      'With a cookie, publishing needs the header Origin: send it, or the token in Authorization',
    )
  }
  const headers = new Headers()
  const origin = request.headers.get('origin')
  if (cors) allowOrigin(headers, origin, cors)
  const isAllowed = headers.has('access-control-allow-origin')
  if (isAllowed && (cors?.credentials || !request.headers.has('cookie'))) return
  const remedy = isAllowed ? '`cors.credentials` must be true for requests with cookies' : '`cors.origin` names those that may'
  const what = request.method === 'GET' || request.method === 'HEAD' ? 'read' : 'publish'
  throw new Refusal(403, 'ORIGIN_NOT_ALLOWED', `Pages of ${show(origin ?? 'another site')} may not ${what} here: ${remedy}`)
}

function isFromElsewhere({ url, headers }: Request): boolean {
  const site = headers.get('sec-fetch-site')
  if (site !== null) return site !== 'same-origin' && site !== 'none'
  const origin = headers.get('origin')
  // The host alone: behind a proxy that speaks TLS the scheme is another one here.
  return origin !== null && !(URL.canParse(origin) && [new URL(url).host, headers.get('host')].includes(new URL(origin).host))
}
