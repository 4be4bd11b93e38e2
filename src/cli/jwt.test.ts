import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, type JWK, type JWTPayload } from 'jose'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Grant } from '../hub/options.js'
import { Refusal } from '../hub/http/refusal.js'
import type { Cors } from '../respond/options.js'
import { authorizeByToken, type JwtOptions } from './jwt.js'

const SECRET = 'geheim, and of more than 32 bytes in all'
const SECRET_KEY = new TextEncoder().encode(SECRET)
const bySecret: JwtOptions['keys'] = { kind: 'secret', secret: SECRET }

type Key = Parameters<SignJWT['sign']>[0]

interface Signing {
  readonly alg?: string
  readonly key?: Key
  readonly kid?: string
}

function sign(claims: JWTPayload, { alg = 'HS256', key = SECRET_KEY, kid }: Signing = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg, ...(kid !== undefined && { kid }) }).sign(key)
}

/** What a server with tokens does with requests. */
async function server(options: Partial<JwtOptions> = {}, cors?: Cors, warn: (message: string) => void = () => {}) {
  const all = { keys: bySecret, issuer: undefined, audience: undefined, cookie: undefined, inQuery: false, ...options }
  const authorize = await authorizeByToken(all, { cors, warn, cooldown: 50 })
  return {
    authorize: (headers: Record<string, string>, path = '/events?topic=a', method = 'GET'): Promise<Grant> =>
      authorize(new Request(new URL(path, 'http://hub.test'), { headers, method })),
    async refused(headers: Record<string, string>, path?: string, method?: string): Promise<Refusal> {
      const answer: unknown = await this.authorize(headers, path, method).catch((error: unknown) => error)
      expect(answer).toBeInstanceOf(Refusal)
      return answer as Refusal
    },
  }
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
const soon = (): number => Math.floor(Date.now() / 1000) + 60

describe('the claims', () => {
  test('say who it is, what may be read and written, and until when', async () => {
    const exp = soon()
    const { authorize } = await server()
    const grant = await authorize(bearer(await sign({ sub: 'ann', exp, read: ['a', 'b/*'], write: 'a  b/c' })))
    expect(grant).toMatchObject({ principal: 'ann', expiresAt: new Date(exp * 1000), write: ['a', 'b/c'] })
    expect(String(grant.read)).toBe('a,b/*')
    expect(typeof (grant.read as unknown[])[1]).toBe('object')
  })

  test('that are missing allow nothing', async () => {
    const { authorize } = await server()
    expect(await authorize(bearer(await sign({})))).toEqual({ principal: undefined, expiresAt: undefined, read: [], write: [] })
  })

  test.each([
    [{ read: 7 }, "The token's claim `read` must be a list"],
    [{ write: [{}] }, "The token's claim `write` must be a list"],
    [{ read: { a: true } }, "The token's claim `read` must be a list"],
    [{ read: ['a b'] }, "The token's claim `read` has what is neither"],
    [{ write: 'a*' }, "The token's claim `write` has what is neither"],
    [{ sub: '' }, "The token's claim `sub` must be"],
  ])('that make no sense are refused: %j', async (claims, words) => {
    const refusal = await (await server()).refused(bearer(await sign(claims)))
    expect([refusal.status, refusal.code]).toEqual([401, 'UNAUTHORIZED'])
    expect(refusal.message).toContain(words)
  })

  test.each<[string, JWTPayload, string]>([
    ['a token that has expired', { exp: 1 }, 'has expired'],
    ['one that is not valid yet', { nbf: soon() }, '`nbf`'],
    ['one of another issuer', { iss: 'https://evil.test', aud: 'hub' }, '`iss`'],
    ['one for another audience', { iss: 'https://id.test', aud: 'shop' }, '`aud`'],
    ['one without an audience', { iss: 'https://id.test' }, '`aud`'],
    ['an expiry that is no number', { exp: 'soon' } as never, '`exp`'],
  ])('%s is refused', async (_, claims, words) => {
    const given = await server({ issuer: 'https://id.test', audience: 'hub' })
    const token = await sign({ iss: 'https://id.test', ...(words !== '`aud`' && { aud: 'hub' }), ...claims })
    expect((await given.refused(bearer(token))).message).toContain(words)
  })
})

describe('the signature', () => {
  test.each<[string, () => string | Promise<string>]>([
    ['another secret', () => sign({}, { key: new TextEncoder().encode('x'.repeat(40)) })],
    ['none at all', () => new UnsecuredJWT({}).encode()],
    [
      '`none` beside a signature',
      async () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await sign({})).split('.').slice(1).join('.')}`,
    ],
    ['an algorithm that wants a longer secret', () => sign({}, { alg: 'HS512', key: SECRET_KEY })],
    [
      'claims that were changed',
      async () => (await sign({})).replace(/\.[^.]*\./, `.${Buffer.from('{"read":"**"}').toString('base64url')}.`),
    ],
    ['half a token', async () => (await sign({})).slice(0, 40)],
    ['no token', () => 'geheim'],
  ])('%s is refused, and nothing of it repeated', async (_, make) => {
    const token = await make()
    const refusal = await (await server()).refused(bearer(token))
    expect(refusal.status).toBe(401)
    expect(refusal.headers['www-authenticate']).toMatch(/^Bearer error="invalid_token", error_description="[^"]*"$/)
    expect(JSON.stringify([refusal.message, refusal.headers])).not.toContain(token)
    expect(refusal.message).not.toContain('geheim')
  })

  test('a longer secret takes longer hashes', async () => {
    const secret = 'x'.repeat(64)
    const { authorize } = await server({ keys: { kind: 'secret', secret } })
    const key = new TextEncoder().encode(secret)
    for (const alg of ['HS256', 'HS384', 'HS512'])
      expect(await authorize(bearer(await sign({ sub: alg }, { alg, key })))).toMatchObject({ principal: alg })
  })
})

describe('where it stands', () => {
  test('nowhere: the challenge says what is wanted', async () => {
    const given = await server()
    for (const headers of [
      {} as Record<string, string>,
      { authorization: 'Basic YTpi' },
      { authorization: 'Bearer' },
      { cookie: `token=${await sign({})}` },
    ]) {
      const refusal = await given.refused(headers, `/events?topic=a&access_token=${await sign({})}`)
      expect([refusal.status, refusal.headers]).toEqual([401, { 'www-authenticate': 'Bearer' }])
    }
  })

  test('in the query only where that is allowed', async () => {
    const { authorize } = await server({ inQuery: true })
    expect(await authorize({}, `/events?topic=a&access_token=${await sign({ sub: 'ann' })}`)).toMatchObject({ principal: 'ann' })
    // The header counts first.
    const both = authorize(bearer(await sign({ sub: 'bob' })), `/events?access_token=${await sign({ sub: 'ann' })}`)
    expect(await both).toMatchObject({ principal: 'bob' })
  })

  test.each<[string, string, Record<string, string>, number]>([
    ['reading, with nothing said of where from', 'GET', {}, 200],
    ['reading from a page of this host', 'GET', { 'sec-fetch-site': 'same-origin' }, 200],
    ['reading from another site', 'GET', { origin: 'https://evil.test' }, 403],
    ['reading from another site that hides its origin', 'GET', { 'sec-fetch-site': 'cross-site' }, 403],
    ['reading from an origin that is allowed', 'GET', { origin: 'https://shop.test', 'sec-fetch-site': 'cross-site' }, 200],
    ['publishing from a page of this host', 'POST', { origin: 'http://hub.test' }, 200],
    ['publishing, with nothing said of where from', 'POST', {}, 403],
    ['publishing from another site', 'POST', { origin: 'https://evil.test' }, 403],
    ['publishing from a sandboxed page', 'POST', { origin: 'null' }, 403],
    ['publishing from an origin that is allowed', 'POST', { origin: 'https://shop.test' }, 200],
  ])('in a cookie: %s', async (_, method, headers, status) => {
    const given = await server({ cookie: 'token' }, { origin: ['https://shop.test'], credentials: true })
    const cookie = `a=b; token=${await sign({ sub: 'ann' })}; tokens=c`
    const answer = await given.authorize({ cookie, ...headers }, '/events', method).catch((error: unknown) => error)
    expect(answer).toMatchObject(status === 200 ? { principal: 'ann' } : { status, code: 'ORIGIN_NOT_ALLOWED' })
    // The header isn't sent by a browser by itself.
    expect(await given.authorize({ ...bearer(await sign({ sub: 'bob' })), cookie, ...headers }, '/events', method)).toMatchObject({
      principal: 'bob',
    })
  })
})

describe('with --jwks-url', () => {
  interface Pair {
    readonly privateKey: CryptoKey
    readonly publicKey: CryptoKey
  }
  const pairs: Record<string, Pair> = {}
  const algorithms = ['RS256', 'ES256', 'EdDSA']

  beforeAll(async () => {
    for (const name of [...algorithms, 'next']) {
      pairs[name] = await generateKeyPair(name === 'next' ? 'ES256' : name, { extractable: true })
    }
  })

  const publicKey = async (name: string, more: object = {}): Promise<JWK> => ({
    ...(await exportJWK(pairs[name]!.publicKey)),
    kid: name,
    ...more,
  })

  /** A server of keys, and how often it was asked. */
  async function keysServer(keys: () => JWK[] | undefined): Promise<{ url: URL; asked: () => number }> {
    let count = 0
    const server = createServer((_, res) => {
      count++
      const known = keys()
      if (!known) return void res.writeHead(500).end()
      res.setHeader('content-type', 'application/json')
      res.end(JSON.stringify({ keys: known }))
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.on('listening', resolve))
    return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`), asked: () => count }
  }

  test('the keys are fetched once, and tell the algorithms', async () => {
    const keys = await Promise.all(algorithms.map((alg) => publicKey(alg)))
    const { url, asked } = await keysServer(() => keys)
    const { authorize } = await server({ keys: { kind: 'jwks', url } })
    for (const alg of algorithms) {
      const token = await sign({ sub: alg }, { alg, key: pairs[alg]!.privateKey, kid: alg })
      expect(await authorize(bearer(token))).toMatchObject({ principal: alg })
    }
    expect(asked()).toBe(1)
  })

  test('a public key is no secret: a token that is signed with its text is refused, and so is one with a secret among the keys', async () => {
    const pem = await exportSPKI(pairs['RS256']!.publicKey)
    const oct: JWK = { kty: 'oct', k: Buffer.from(SECRET).toString('base64url'), kid: 'oct' }
    const keys = [await publicKey('RS256'), oct]
    const { url } = await keysServer(() => keys)
    const given = await server({ keys: { kind: 'jwks', url } })
    for (const [key, kid] of [
      [new TextEncoder().encode(pem), 'RS256'],
      [SECRET_KEY, 'oct'],
    ] as const)
      expect((await given.refused(bearer(await sign({ read: '**' }, { key, kid })))).status).toBe(401)
    expect((await given.refused(bearer(new UnsecuredJWT({}).encode()))).status).toBe(401)
  })

  test('keys may change: a new one is fetched when a token names it, and an old one that is gone is refused', async () => {
    let keys = [await publicKey('ES256')]
    const { url } = await keysServer(() => keys)
    const given = await server({ keys: { kind: 'jwks', url } })
    const old = bearer(await sign({ sub: 'old' }, { alg: 'ES256', key: pairs['ES256']!.privateKey, kid: 'ES256' }))
    const next = bearer(await sign({ sub: 'next' }, { alg: 'ES256', key: pairs['next']!.privateKey, kid: 'next' }))
    expect(await given.authorize(old)).toMatchObject({ principal: 'old' })
    keys = [await publicKey('next')]
    await new Promise((resolve) => setTimeout(resolve, 80))
    expect(await given.authorize(next)).toMatchObject({ principal: 'next' })
    expect((await given.refused(old)).status).toBe(401)
  })

  test('tokens with unknown keys make it ask no more than once in a while', async () => {
    const keys = [await publicKey('ES256')]
    const { url, asked } = await keysServer(() => keys)
    const all = { keys: { kind: 'jwks', url } as const, issuer: undefined, audience: undefined, cookie: undefined, inQuery: false }
    const authorize = await authorizeByToken(all, { cors: undefined, warn: () => {} })
    const stranger = await sign({}, { alg: 'ES256', key: pairs['next']!.privateKey, kid: 'stranger' })
    for (let n = 0; n < 20; n++) await authorize(new Request('http://hub.test/', { headers: bearer(stranger) })).catch(() => {})
    expect(asked()).toBeLessThanOrEqual(2)
  })

  test('several keys without names are tried one after the other', async () => {
    const keys = [await publicKey('next', { kid: undefined }), await publicKey('ES256', { kid: undefined })]
    const { url } = await keysServer(() => keys)
    const given = await server({ keys: { kind: 'jwks', url } })
    expect(await given.authorize(bearer(await sign({ sub: 'ann' }, { alg: 'ES256', key: pairs['ES256']!.privateKey })))).toMatchObject({
      principal: 'ann',
    })
    const stranger = (await generateKeyPair('ES256')).privateKey
    expect((await given.refused(bearer(await sign({}, { alg: 'ES256', key: stranger })))).status).toBe(401)
  })

  test('a server of keys that is down is no fault of the token: 503, and one line in the log', async () => {
    const { url } = await keysServer(() => undefined)
    const warn = vi.fn<(message: string) => void>()
    const given = await server({ keys: { kind: 'jwks', url } }, undefined, warn)
    const token = await sign({}, { alg: 'ES256', key: pairs['ES256']!.privateKey })
    for (let n = 0; n < 3; n++) {
      const refusal = await given.refused(bearer(token))
      expect([refusal.status, refusal.code, refusal.headers]).toEqual([503, 'KEYS_UNAVAILABLE', { 'retry-after': '5' }])
    }
    expect(warn).toHaveBeenCalledOnce()
    expect(warn.mock.calls[0]?.[0]).not.toContain(token)
  })
})
