import { describe, expect, test } from 'vitest'
import { UsageError } from './args.js'
import { serveOptions } from './serve-options.js'

const LONG = 'x'.repeat(32)

test('without flags it is a hub in memory that only this machine reaches', () => {
  expect(serveOptions([])).toEqual({
    port: 5000,
    host: '127.0.0.1',
    engine: { kind: 'memory' },
    workers: 1,
    history: {},
    corsOrigins: [],
    allowHosts: ['localhost', '127.0.0.1', '[::1]', '127.0.0.1'],
    tls: undefined,
    jwt: undefined,
    limits: {},
    trustProxy: false,
    maxAge: undefined,
    drainWithin: 5000,
  })
})

test.each<[string[], object]>([
  [['--port', '0'], { port: 0 }],
  [['--engine', 'disk:./data', '--new-epoch'], { engine: { kind: 'disk', path: './data', newEpoch: true } }],
  [['--history-size', '5', '--history-age', '60', '--history-bytes', '0'], { history: { size: 5, age: 60_000, bytes: 0 } }],
  [['--cors-origin', 'https://a.test', '--cors-origin', '*'], { corsOrigins: ['https://a.test', '*'] }],
  [['--max-connections', '10', '--workers', '1'], { limits: { connections: 10 }, workers: 1 }],
  [['--engine', 'disk:data', '--workers', '4'], { workers: 4 }],
  [
    ['--engine', 'redis://ann:secret@host:6380/2', '--workers', '4'],
    { workers: 4, engine: { kind: 'redis', place: { url: 'redis://ann:secret@host:6380/2', hub: undefined } } },
  ],
  [['--engine', 'rediss://host?hub=shop'], { engine: { kind: 'redis', place: { url: 'rediss://host', hub: 'shop' } } }],
  [
    ['--max-connections-per-principal', '2', '--max-connections-per-address', '3', '--max-publishes-per-second', '4'],
    { limits: { connectionsPerPrincipal: 2, connectionsPerAddress: 3, publishesPerSecond: 4 } },
  ],
  [['--trust-proxy', '--max-age', '60', '--drain-within', '0'], { trustProxy: true, maxAge: 60_000, drainWithin: 0 }],
  [['--jwt-secret', LONG], { jwt: { keys: { kind: 'secret', secret: LONG }, cookie: undefined, inQuery: false } }],
  [['--jwt-secret', LONG, '--host', '0.0.0.0'], { host: '0.0.0.0', allowHosts: undefined }],
  [
    [
      '--jwks-url',
      'https://id.test/keys',
      '--jwt-issuer',
      'https://id.test',
      '--jwt-audience',
      'hub',
      '--jwt-cookie',
      'token',
      '--jwt-in-query',
    ],
    {
      jwt: {
        keys: { kind: 'jwks', url: new URL('https://id.test/keys') },
        issuer: 'https://id.test',
        audience: 'hub',
        cookie: 'token',
        inQuery: true,
      },
    },
  ],
  [['--host', '::1'], { host: '::1', allowHosts: ['localhost', '127.0.0.1', '[::1]', '[::1]'] }],
  [['--host', '[::1]'], { host: '::1' }],
  [['--host', '127.1.2.3'], { allowHosts: ['localhost', '127.0.0.1', '[::1]', '127.1.2.3'] }],
  [['--allow-host', 'live.test'], { allowHosts: ['localhost', '127.0.0.1', '[::1]', '127.0.0.1', 'live.test'] }],
  [['--host', '0.0.0.0', '--allow-anonymous'], { host: '0.0.0.0', allowHosts: undefined }],
  [
    ['--host', '0.0.0.0', '--allow-anonymous', '--allow-host', 'live.test'],
    { allowHosts: ['localhost', '127.0.0.1', '[::1]', '0.0.0.0', 'live.test'] },
  ],
])('%j', (args, expected) => {
  expect(serveOptions(args)).toMatchObject(expected)
})

describe('refuses', () => {
  test.each([
    [['--port', 'abc'], '--port must be a whole number from 0 to 65535: "abc"'],
    [['--port', '65536'], '--port must be'],
    [['--port', '-1'], '--port needs a value; one that begins with - is written --port=VALUE'],
    [['--port=-1'], '--port must be'],
    [['--port'], '--port needs a value'],
    [['--nonsense'], 'unknown option --nonsense; see --help'],
    [['--new-epoch=yes'], '--new-epoch takes no value'],
    [['data'], 'takes flags only, not "data"'],
    [['--host', '0.0.0.0'], '--allow-anonymous'],
    [['--host', '::'], '--allow-anonymous'],
    [['--host', '192.168.1.7'], '--host "192.168.1.7" is reached by others'],
    [['--host', 'localhost.evil.test'], '--allow-anonymous'],
    [['--engine', 'disk:'], '--engine disk: has no folder'],
    [['--engine', 'sqlite'], '--engine must be memory, disk:DIR or redis://HOST'],
    [['--engine', 'redis://user:geheim@host/eins'], '--engine redis: must be a URL like redis://'],
    [['--engine', 'redis:geheim'], '--engine redis: must be a URL like redis://'],
    [['--engine', 'redis://user:geheim@host?hub=a%20b'], '--engine redis: ?hub= must be 1 to 100 letters'],
    [['--engine', 'redis://user:geheim@host', '--new-epoch'], '--new-epoch is for --engine disk:DIR'],
    [['--engine', 'postgres://user:geheim@host/db'], '--engine postgres: is not yet'],
    [['--engine', 'nats://geheim@host'], '--engine nats: is not yet'],
    [['--new-epoch'], '--new-epoch is for --engine disk:DIR'],
    [['--workers', '2'], '--workers above 1 need a store that processes share'],
    [['--workers', '0'], '--workers must be'],
    [['--jwt-secret', 'geheim'], '--jwt-secret must have 32 bytes or more'],
    [['--jwt-secret', ''], '--jwt-secret must have 32 bytes or more'],
    [['--jwks-url', 'https://user:geheim@id.test'], '--jwks-url must be an http(s) URL without a password'],
    [['--jwks-url', 'file:///geheim'], '--jwks-url must be'],
    [['--jwks-url', 'https://id.test', '--jwt-secret', `geheim${LONG}`], '--jwt-secret and --jwks-url: say one of them'],
    [['--jwt-secret', `geheim${LONG}`, '--allow-anonymous'], '--allow-anonymous lets in who has no token'],
    [['--jwt-secret', LONG, '--jwt-cookie', 'a b'], "--jwt-cookie must be a cookie's name"],
    [['--jwt-secret', LONG, '--jwt-cookie', 'a', '--cors-origin', '*'], '--jwt-cookie and --cors-origin *'],
    [['--jwt-issuer', 'https://id.test'], '--jwt-issuer needs --jwt-secret or --jwks-url'],
    [['--jwt-in-query'], '--jwt-in-query needs'],
    [['--max-age', '0'], '--max-age must be a whole number of seconds from 1'],
    [['--drain-within', 'soon'], '--drain-within must be'],
    [['--max-publishes-per-second', '0'], '--max-publishes-per-second must be'],
    [['--history-size', '1.5'], '--history-size must be a whole number of items >= 0'],
    [['--history-age', '0'], '--history-age must be a whole number of seconds from 1'],
    [['--history-bytes', '1e3'], '--history-bytes must be'],
    [['--max-connections', '0'], '--max-connections must be'],
    [['--cors-origin', 'https://a.test/'], '--cors-origin must be an origin like'],
    [['--cors-origin', 'a.test'], '--cors-origin must be an origin like'],
    [['--allow-host', 'http://a.test'], '--allow-host must be a host name'],
    [['--allow-host', '*'], '--allow-host must be a host name'],
    [['--tls-cert', 'a.pem'], '--tls-cert needs --tls-key'],
    [['--tls-key', 'a.pem'], '--tls-key needs --tls-cert'],
    [['--tls-cert', '/nowhere/a.pem', '--tls-key', 'b.pem'], '--tls-cert can\'t be read (ENOENT): "/nowhere/a.pem"'],
  ])('%j', (args, words) => {
    const error = errorOf(() => serveOptions(args))
    expect(error).toBeInstanceOf(UsageError)
    expect(error?.message).toContain(words)
    expect(error?.message).not.toMatch(/\n|geheim/)
  })
})

describe('SERVER_SENT_JWT_SECRET', () => {
  const env = { SERVER_SENT_JWT_SECRET: LONG }

  test('is the secret that stands in no list of processes; the flag comes first', () => {
    expect(serveOptions([], env)).toMatchObject({ jwt: { keys: { kind: 'secret', secret: LONG } } })
    expect(serveOptions(['--jwt-secret', `${LONG}y`], env)).toMatchObject({ jwt: { keys: { secret: `${LONG}y` } } })
  })

  test.each([
    [[], 'geheim', 'SERVER_SENT_JWT_SECRET must have 32 bytes or more'],
    // Set by a template whose value is missing: not the same as none.
    [[], '', 'SERVER_SENT_JWT_SECRET must have 32 bytes or more'],
    [['--jwks-url', 'https://id.test'], LONG, 'SERVER_SENT_JWT_SECRET and --jwks-url: say one of them'],
  ])('%j with %j is refused', (args, secret, words) => {
    const error = errorOf(() => serveOptions(args, { SERVER_SENT_JWT_SECRET: secret }))
    expect(error?.message).toContain(words)
    expect(error?.message).not.toContain('geheim')
  })
})

function errorOf(work: () => unknown): Error | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return error as Error
  }
}
