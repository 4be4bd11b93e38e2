import type * as Jose from 'jose'
import type { JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from 'jose'
import type { Grant } from '../hub/options.js'
import { mustBeOurs } from '../hub/http/origin.js'
import { Refusal } from '../hub/http/refusal.js'
import { checkTopic, pattern, type Selector } from '../protocol/topic.js'
import type { Cors } from '../respond/options.js'
import { Failure } from './args.js'

/** How tokens are checked, and where they stand. */
export interface JwtOptions {
  readonly keys: { readonly kind: 'secret'; readonly secret: string } | { readonly kind: 'jwks'; readonly url: URL }
  readonly issuer: string | undefined
  readonly audience: string | undefined
  /** The name of a cookie that may hold the token. */
  readonly cookie: string | undefined
  /** Whether it may stand in `?access_token=`. */
  readonly inQuery: boolean
}

interface Surroundings {
  readonly cors: Cors | undefined
  /** Gets what is wrong with the keys' server: words without secrets. */
  readonly warn: (message: string) => void
  /** How long keys are not fetched again for a token whose key isn't among them, in milliseconds. @default 5000 */
  readonly cooldown?: number
}

interface Given {
  readonly token: string
  readonly from: 'header' | 'cookie' | 'query'
}

// By the kind of key, never by what the token says: a public key is no secret, and `none` is no algorithm. "A key of the same size as the
// hash output or larger MUST be used" (RFC 7518, 3.2).
const HMAC = [
  { bytes: 32, alg: 'HS256' },
  { bytes: 48, alg: 'HS384' },
  { bytes: 64, alg: 'HS512' },
] as const
const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const COOLDOWN = 5000
// How often it is said that the keys can't be fetched.
const QUIET = 60_000

/** `authorize` for tokens: what one may do is in its claims. @throws {Failure} when the package jose is missing. */
export async function authorizeByToken(
  { keys, issuer, audience, cookie, inQuery }: JwtOptions,
  { cors, warn, cooldown = COOLDOWN }: Surroundings,
): Promise<(request: Request) => Promise<Grant>> {
  const { createRemoteJWKSet, errors, jwtVerify } = await load()
  const secret = keys.kind === 'secret' ? new TextEncoder().encode(keys.secret) : undefined
  const remote = keys.kind === 'jwks' ? createRemoteJWKSet(keys.url, { cooldownDuration: cooldown }) : undefined
  const algorithms = secret ? HMAC.flatMap(({ bytes, alg }) => (secret.length >= bytes ? [alg] : [])) : ASYMMETRIC
  const options: JWTVerifyOptions = { algorithms, ...(issuer !== undefined && { issuer }), ...(audience !== undefined && { audience }) }
  let warned = -Infinity

  async function verify(token: string): Promise<JWTPayload> {
    try {
      if (secret) return (await jwtVerify(token, secret, options)).payload
      return (await jwtVerify(token, remote as JWTVerifyGetKey, options)).payload
    } catch (error) {
      // A token that doesn't name its key, and several that it may be.
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
      for await (const key of error) {
        const found = await jwtVerify(token, key, options).catch((wrong: unknown) => {
          if (!(wrong instanceof errors.JWSSignatureVerificationFailed)) throw wrong
        })
        if (found) return found.payload
      }
      throw new errors.JWSSignatureVerificationFailed()
    }
  }

  /** What is wrong with the token, in words that hold nothing of it; or with the keys' server, which is no fault of the token's. */
  function refusalOf(error: unknown): Refusal {
    const { code = '', claim } = error as { readonly code?: string; readonly claim?: string }
    if (code === 'ERR_JWT_EXPIRED') return invalid('The token has expired: get a new one')
    if (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED') return invalid(`The token's claim \`${claim ?? ''}\` is not what this server takes`)
    const isToken = /^ERR_(JW[ST]_|JOSE_ALG|JOSE_NOT_SUPPORTED|JWKS_NO_MATCHING)/.test(code)
    if (isToken) return invalid('The token is not valid here: it has another form, algorithm or key')
    if (performance.now() - warned > QUIET) warn(`--jwks-url can't be read (${reasonOf(error)}): tokens are answered with 503 meanwhile`)
    warned = performance.now()
    return new Refusal(503, 'KEYS_UNAVAILABLE', "The keys of tokens can't be read now: try again in a moment", { 'retry-after': '5' })
  }

  return async (request) => {
    const given = tokenOf(request, cookie, inQuery)
    if (!given) throw unauthorized('No token: send it as Authorization: Bearer ...', '')
    // Browsers send cookies along by themselves, whoever's page asks.
    if (given.from === 'cookie') mustBeOurs(request, cors, { isStrict: request.method !== 'GET' && request.method !== 'HEAD' })
    const payload = await verify(given.token).catch((error: unknown) => {
      throw refusalOf(error)
    })
    return grantOf(payload)
  }
}

function tokenOf({ headers, url }: Request, cookie: string | undefined, inQuery: boolean): Given | undefined {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '') ?? []
  if (bearer !== undefined) return { token: bearer, from: 'header' }
  const baked = cookie === undefined ? undefined : cookieOf(headers.get('cookie') ?? '', cookie)
  if (baked !== undefined) return { token: baked, from: 'cookie' }
  const asked = inQuery ? new URL(url).searchParams.get('access_token') : null
  return asked ? { token: asked, from: 'query' } : undefined
}

function cookieOf(cookies: string, name: string): string | undefined {
  const found = cookies
    .split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${name}=`))
  return found?.slice(name.length + 1).replace(/^"(.*)"$/, '$1')
}

/** The claims as a grant; what isn't claimed is not allowed. @throws {Refusal} 401. */
function grantOf(payload: JWTPayload): Grant {
  const { sub, exp } = payload
  if (sub !== undefined && (typeof sub !== 'string' || sub === '')) throw wrongClaim('sub', 'must be a text')
  // A Date reaches that far.
  const expiresAt = exp !== undefined && exp < 8.64e12 ? new Date(exp * 1000) : undefined
  return { principal: sub, expiresAt, read: topicsOf(payload, 'read'), write: topicsOf(payload, 'write') }
}

function topicsOf(payload: JWTPayload, name: 'read' | 'write'): readonly Selector[] {
  const claim = payload[name] ?? []
  const names: readonly unknown[] = typeof claim === 'string' ? claim.split(' ').filter(Boolean) : (claim as readonly unknown[])
  if (!Array.isArray(names) || names.some((one) => typeof one !== 'string'))
    throw wrongClaim(name, 'must be a list of topics, or a text of topics between spaces')
  try {
    // Whoever signs tokens is trusted with wildcards.
    return (names as readonly string[]).map((one) => (one.includes('*') ? pattern(one) : checkTopic(one)))
  } catch {
    throw wrongClaim(name, 'has what is neither a topic nor a pattern')
  }
}

function wrongClaim(name: string, what: string): Refusal {
  return invalid(`The token's claim \`${name}\` ${what}`)
}

function invalid(message: string): Refusal {
  return unauthorized(message, ` error="invalid_token", error_description="${message.replaceAll('"', "'")}"`)
}

/** @see https://www.rfc-editor.org/rfc/rfc6750#section-3 */
function unauthorized(message: string, details: string): Refusal {
  return new Refusal(401, 'UNAUTHORIZED', message, { 'www-authenticate': `Bearer${details}` })
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as { readonly cause?: { readonly code?: string }; readonly message?: string }
  return cause?.code ?? message ?? 'no answer'
}

async function load(): Promise<typeof Jose> {
  try {
    return await import('jose')
  } catch (cause) {
    throw new Failure('tokens need the package `jose`: npm install jose', { cause })
  }
}
