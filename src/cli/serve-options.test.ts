import { describe, expect, test } from 'vitest'
import { UsageError } from './args.js'
import { serveOptions } from './serve-options.js'

test('without flags it is a hub in memory that only this machine reaches', () => {
  expect(serveOptions([])).toEqual({
    port: 5000,
    host: '127.0.0.1',
    engine: { kind: 'memory' },
    history: {},
    corsOrigins: [],
    allowHosts: ['localhost', '127.0.0.1', '[::1]', '127.0.0.1'],
    tls: undefined,
    maxConnections: undefined,
  })
})

test.each<[string[], object]>([
  [['--port', '0'], { port: 0 }],
  [['--engine', 'disk:./data', '--new-epoch'], { engine: { kind: 'disk', path: './data', newEpoch: true } }],
  [['--history-size', '5', '--history-age', '60', '--history-bytes', '0'], { history: { size: 5, age: 60_000, bytes: 0 } }],
  [['--cors-origin', 'https://a.test', '--cors-origin', '*'], { corsOrigins: ['https://a.test', '*'] }],
  [['--max-connections', '10', '--workers', '1'], { maxConnections: 10 }],
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
    [['--engine', 'sqlite'], '--engine must be memory or disk:DIR'],
    [['--engine', 'redis://user:geheim@host'], '--engine redis: is not yet in this version'],
    [['--engine', 'postgres://user:geheim@host/db'], '--engine postgres: is not yet'],
    [['--engine', 'nats://geheim@host'], '--engine nats: is not yet'],
    [['--new-epoch'], '--new-epoch is for --engine disk:DIR'],
    [['--workers', '2'], '--workers above 1 is not yet in this version'],
    [['--workers', '0'], '--workers must be'],
    [['--jwt-secret', 'geheim'], '--jwt-secret is not yet in this version'],
    [['--jwks-url', 'https://geheim.test'], '--jwks-url is not yet in this version'],
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

function errorOf(work: () => unknown): Error | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return error as Error
  }
}
