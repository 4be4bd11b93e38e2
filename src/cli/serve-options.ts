import { readFileSync } from 'node:fs'
import type { History } from '../engines/engine.js'
import type { Limits } from '../hub/options.js'
import { numberOf, parse, UsageError } from './args.js'
import type { JwtOptions } from './jwt.js'
import { redisPlaceOf, type RedisPlace } from './redis.js'

/** What `serve` was asked for. */
export interface ServeOptions {
  readonly port: number
  readonly host: string
  /** How many processes serve. */
  readonly workers: number
  readonly engine:
    | { readonly kind: 'memory' }
    | { readonly kind: 'disk'; readonly path: string; readonly newEpoch: boolean }
    | { readonly kind: 'redis'; readonly place: RedisPlace }
  readonly history: History
  readonly corsOrigins: readonly string[]
  /** `undefined`: any. */
  readonly allowHosts: readonly string[] | undefined
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined
  /** `undefined`: everybody may do everything. */
  readonly jwt: JwtOptions | undefined
  readonly limits: Limits
  readonly trustProxy: boolean
  /** In milliseconds. */
  readonly maxAge: number | undefined
  readonly drainWithin: number
}

const FLAGS = {
  port: { type: 'string', default: '5000' },
  host: { type: 'string', default: '127.0.0.1' },
  engine: { type: 'string', default: 'memory' },
  'history-size': { type: 'string' },
  'history-age': { type: 'string' },
  'history-bytes': { type: 'string' },
  'new-epoch': { type: 'boolean', default: false },
  'allow-anonymous': { type: 'boolean', default: false },
  'cors-origin': { type: 'string', multiple: true, default: [] as string[] },
  'allow-host': { type: 'string', multiple: true, default: [] as string[] },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'max-connections': { type: 'string' },
  'max-connections-per-principal': { type: 'string' },
  'max-connections-per-address': { type: 'string' },
  'max-publishes-per-second': { type: 'string' },
  'trust-proxy': { type: 'boolean', default: false },
  'max-age': { type: 'string' },
  'drain-within': { type: 'string', default: '5' },
  workers: { type: 'string', default: '1' },
  'jwt-secret': { type: 'string' },
  'jwks-url': { type: 'string' },
  'jwt-issuer': { type: 'string' },
  'jwt-audience': { type: 'string' },
  'jwt-cookie': { type: 'string' },
  'jwt-in-query': { type: 'boolean', default: false },
} as const

type Values = ReturnType<typeof parse<typeof FLAGS>>['values']

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]']

// "A key of the same size as the hash output ... or larger MUST be used with this algorithm" (RFC 7518, 3.2): HS256 is the smallest.
const SECRET_BYTES = 32
/** So that it stands in no list of processes. */
const SECRET = 'SERVER_SENT_JWT_SECRET'
type Env = Readonly<Record<string, string | undefined>>

/** @throws {UsageError} that names the flag and says what to do; it repeats no secret. */
export function serveOptions(args: readonly string[], env: Env = {}): ServeOptions {
  const { values, positionals } = parse(args, FLAGS)
  if (positionals.length > 0) throw new UsageError(`takes flags only, not ${JSON.stringify(positionals[0])}; see --help`)
  const workers = numberOf('--workers', values.workers, { min: 1, max: 1024 })
  const engine = engineOf(values.engine, values['new-epoch'])
  if (workers > 1 && engine.kind === 'memory')
    throw new UsageError('--workers above 1 need a store that processes share: say --engine disk:DIR or redis://HOST')
  const host = values.host.replace(/^\[(.*)\]$/, '$1')
  const isLoopback = /^(localhost|127(\.\d{1,3}){3}|::1)$/i.test(host)
  const jwt = jwtOf(values, env)
  if (!isLoopback && !values['allow-anonymous'] && !jwt) {
    throw new UsageError(
      `--host ${JSON.stringify(host)} is reached by others, who could read and write everything: say --jwt-secret or --jwks-url, --allow-anonymous if they may, or leave it at 127.0.0.1`,
    )
  }
  const allowed = values['allow-host'].map((name) => hostOf(name))
  return {
    port: numberOf('--port', values.port, { min: 0, max: 65_535 }),
    host,
    engine,
    workers,
    history: historyOf(values),
    corsOrigins: values['cors-origin'].map(originOf),
    // Only what is reached by this machine alone is in danger of a page that makes its own name point at it.
    allowHosts: isLoopback || allowed.length > 0 ? [...LOOPBACK_NAMES, host.includes(':') ? `[${host}]` : host, ...allowed] : undefined,
    tls: tlsOf(values['tls-cert'], values['tls-key']),
    jwt,
    limits: {
      connections: atLeastOne(values, 'max-connections'),
      connectionsPerPrincipal: atLeastOne(values, 'max-connections-per-principal'),
      connectionsPerAddress: atLeastOne(values, 'max-connections-per-address'),
      publishesPerSecond: atLeastOne(values, 'max-publishes-per-second'),
    },
    trustProxy: values['trust-proxy'],
    maxAge: optional(values['max-age'], (text) => 1000 * numberOf('--max-age', text, { min: 1, max: 1e10, unit: 'seconds' })),
    drainWithin: 1000 * numberOf('--drain-within', values['drain-within'], { min: 0, max: 86_400, unit: 'seconds' }),
  }
}

function jwtOf(values: Values, env: Env): JwtOptions | undefined {
  const secret = values['jwt-secret'] ?? env[SECRET]
  const name = values['jwt-secret'] === undefined ? SECRET : '--jwt-secret'
  const url = values['jwks-url']
  const cookie = values['jwt-cookie']
  if (secret === undefined && url === undefined) {
    const idle = (['jwt-issuer', 'jwt-audience', 'jwt-cookie', 'jwt-in-query'] as const).find((flag) => values[flag])
    if (idle) throw new UsageError(`--${idle} needs --jwt-secret or --jwks-url: they say which tokens are valid`)
    return undefined
  }
  if (secret !== undefined && url !== undefined) throw new UsageError(`${name} and --jwks-url: say one of them`)
  if (values['allow-anonymous']) throw new UsageError('--allow-anonymous lets in who has no token: leave it out')
  if (secret !== undefined && Buffer.byteLength(secret) < SECRET_BYTES)
    throw new UsageError(`${name} must have ${SECRET_BYTES} bytes or more: openssl rand -hex 32 makes one`)
  if (cookie !== undefined && !/^[\w!#$%&'*+.^`|~-]+$/.test(cookie))
    throw new UsageError(`--jwt-cookie must be a cookie's name: ${JSON.stringify(cookie.slice(0, 80))}`)
  if (cookie !== undefined && values['cors-origin'].includes('*'))
    throw new UsageError('--jwt-cookie and --cors-origin *: any page could read with the cookies of its visitors; name the origins')
  return {
    keys: secret === undefined ? { kind: 'jwks', url: keysUrlOf(url as string) } : { kind: 'secret', secret },
    issuer: values['jwt-issuer'],
    audience: values['jwt-audience'],
    cookie,
    inQuery: values['jwt-in-query'],
  }
}

function keysUrlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return url
  // Not repeated: it may hold a password.
  throw new UsageError('--jwks-url must be an http(s) URL without a password, for instance https://id.example/.well-known/jwks.json')
}

type Limit = 'max-connections' | 'max-connections-per-principal' | 'max-connections-per-address' | 'max-publishes-per-second'

function atLeastOne(values: Values, name: Limit): number | undefined {
  return optional(values[name], (text) => numberOf(`--${name}`, text, { min: 1 }))
}

function engineOf(text: string, newEpoch: boolean): ServeOptions['engine'] {
  if (text.startsWith('disk:')) {
    const path = text.slice('disk:'.length)
    if (path === '') throw new UsageError('--engine disk: has no folder: say --engine disk:./data')
    return { kind: 'disk', path, newEpoch }
  }
  // The URL isn't repeated: it may hold a password.
  const [, scheme] = /^(rediss?|postgres(?:ql)?|nats|tls):/.exec(text) ?? []
  const isRedis = scheme?.startsWith('redis') === true
  if (scheme && !isRedis) throw new UsageError(`--engine ${scheme}: is not yet in this version: use memory, disk:DIR or redis://HOST`)
  if (!isRedis && text !== 'memory') throw new UsageError('--engine must be memory, disk:DIR or redis://HOST')
  if (newEpoch)
    throw new UsageError(
      '--new-epoch is for --engine disk:DIR: in memory each start begins a new epoch, and Redis tells a backup by itself',
    )
  return isRedis ? { kind: 'redis', place: redisPlaceOf(text) } : { kind: 'memory' }
}

function historyOf(values: { readonly [flag in `history-${'size' | 'age' | 'bytes'}`]?: string | undefined }): History {
  const size = optional(values['history-size'], (text) => numberOf('--history-size', text, { min: 0, unit: 'items' }))
  const age = optional(values['history-age'], (text) => 1000 * numberOf('--history-age', text, { min: 1, max: 1e10, unit: 'seconds' }))
  const bytes = optional(values['history-bytes'], (text) => numberOf('--history-bytes', text, { min: 0, unit: 'bytes' }))
  return { ...(size !== undefined && { size }), ...(age !== undefined && { age }), ...(bytes !== undefined && { bytes }) }
}

function hostOf(name: string): string {
  if (/^[^/?#@\\\s*]+$/.test(name) && URL.canParse(`http://${name}`)) return name
  throw new UsageError(`--allow-host must be a host name like live.example, with a port or without: ${JSON.stringify(name.slice(0, 80))}`)
}

function originOf(text: string): string {
  if (text === '*' || (URL.canParse(text) && new URL(text).origin === text)) return text
  throw new UsageError(
    `--cors-origin must be an origin like https://shop.example, without a path, or *: ${JSON.stringify(text.slice(0, 80))}`,
  )
}

function tlsOf(cert: string | undefined, key: string | undefined): ServeOptions['tls'] {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) {
    const [given, other] = cert === undefined ? ['--tls-key', '--tls-cert'] : ['--tls-cert', '--tls-key']
    throw new UsageError(`${given} needs ${other}: both name a PEM file`)
  }
  return { cert: read('--tls-cert', cert), key: read('--tls-key', key) }
}

function read(flag: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new UsageError(`${flag} can't be read (${(cause as NodeJS.ErrnoException).code}): ${JSON.stringify(path)}`, { cause })
  }
}

function optional<T>(text: string | undefined, read: (text: string) => T): T | undefined {
  return text === undefined ? undefined : read(text)
}
