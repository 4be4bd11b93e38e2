import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis, type RedisOptions } from 'ioredis'
import { createClient, createSentinel, RESP_TYPES, type RedisClientOptions } from 'redis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { newHub } from '../../../test/engines/redis-engines.js'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../../../test/helpers/redis.js'
import { tls } from '../../../test/helpers/tls.js'
import { pattern } from '../../protocol/topic.js'
import { redisEngine, type RedisClient } from './index.js'

let server: RedisServer
let folder = ''
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'server-sent-client-options-'))
  server = await startRedis({ args: ['--unixsocket', join(folder, 'socket')] })
})
afterAll(async () => {
  await removeRedis()
  rmSync(folder, { recursive: true, force: true })
})

/** What comes of all that an engine does with its connections. */
async function used(client: RedisClient): Promise<object> {
  const engine = redisEngine({ client, name: newHub() })
  onTestFinished(() => engine.close())
  await engine.open()
  const heard: string[] = []
  const passed: string[] = []
  engine.watch(
    (items) => void heard.push(...items.map(({ fields }) => fields.data)),
    () => {},
    (items) => void passed.push(...items.map(({ topic }) => topic)),
  )
  await Promise.all(['1', '2'].map((data) => engine.append('a', { data: `é${data}` }, { history: {}, idempotencyKey: data })))
  await expect.poll(() => heard.length).toBe(2)
  engine.follow?.(['b'])
  engine.follow?.([pattern('c/*')])
  await expect
    .poll(async () => {
      await engine.append('a', { data: 'passes' }, { history: { size: 1 } })
      return passed.length
    })
    .toBeGreaterThan(0)
  await engine.append('b', { data: 'b' }, { history: {} })
  await engine.append('c/1', { data: 'c' }, { history: {} })
  await expect.poll(() => heard).toContain('c')
  const page = await engine.read([pattern('**')], 0, { limit: 100, bytes: 10_000 })
  const told: string[] = []
  const { nodes } = engine
  nodes?.hear((message) => void told.push(message))
  await nodes?.tell('ü')
  await expect.poll(() => told.length).toBe(1)
  return {
    told,
    heard: heard.filter((data) => data !== 'passes'),
    kept: page.items.map(({ topic, fields: { data } }) => `${topic} ${data}`),
    topics: (await engine.topics?.([pattern('**')]))?.toSorted(),
    taken: [await nodes?.take([{ key: 'k', limit: 1 }]), await nodes?.take([{ key: 'k', limit: 1 }])],
    passes: [await nodes?.pass('k', 1), await nodes?.pass('k', 0)],
  }
}

const ALL = {
  told: ['ü'],
  heard: ['é1', 'é2', 'b', 'c'],
  kept: ['a passes', 'b b', 'c/1 c'],
  topics: ['a', 'b', 'c/1'],
  taken: [-1, 0],
  passes: [true, false],
}

const IOREDIS: readonly (readonly [string, RedisOptions])[] = [
  ['nothing', {}],
  ['a prefix of keys', { keyPrefix: 'p:' }],
  ['no offline queue', { enableOfflineQueue: false }],
  ['a time-out of commands', { commandTimeout: 1 }],
  ['a time-out of sockets', { socketTimeout: 1 }],
  ['pipelining by itself', { enableAutoPipelining: true }],
  ['numbers as text', { stringNumbers: true }],
  ['read only', { readOnly: true }],
  ['no ready check', { enableReadyCheck: false }],
  ['no retries', { maxRetriesPerRequest: 0, retryStrategy: () => null }],
  ['reconnecting at errors', { reconnectOnError: () => 2 }],
  ['a name', { connectionName: 'somebody' }],
  ['RESP3', { protocol: 3 }],
  ['RESP3 and its replies', { protocol: 3, replyMapping: 'resp3' }],
]

const NODE_REDIS: readonly (readonly [string, RedisClientOptions])[] = [
  ['nothing', {}],
  ['no offline queue', { disableOfflineQueue: true }],
  ['a time-out of commands', { commandOptions: { timeout: 1 } }],
  ['a time-out of sockets', { socket: { socketTimeout: 20 } }],
  ['a short queue', { commandsQueueMaxLength: 8 }],
  ['pings', { pingInterval: 5 }],
  ['a name', { name: 'somebody' }],
  ['RESP2', { RESP: 2 } as unknown as RedisClientOptions],
  ['RESP3', { RESP: 3 }],
  ['RESP3 and a cache', { RESP: 3, clientSideCache: { maxEntries: 10, ttl: 0 } }],
  ['replies as buffers', { commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } } }],
]

describeWithRedis("the caller's client", () => {
  describe.each([false, true])('connected: %s', (connected) => {
    test.each(IOREDIS)('of ioredis with %s', async (_, options) => {
      const client = new Redis({ port: server.port, lazyConnect: true, ...(options as object) })
      client.on('error', () => {})
      if (connected) await client.connect().catch(() => {})
      onTestFinished(() => client.disconnect())
      expect(await used(client)).toEqual(ALL)
    })

    test.each(NODE_REDIS)('of node-redis with %s', async (_, options) => {
      const client = createClient({ url: server.url, ...options })
      client.on('error', () => {})
      if (connected) await client.connect().catch(() => {})
      onTestFinished(() => void (client.isOpen && client.destroy()))
      expect(await used(client)).toEqual(ALL)
    })
  })

  test('of node-redis that makes other types of replies', async () => {
    const client = createClient({ url: server.url }).withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.NUMBER]: String })
    expect(await used(client)).toEqual(ALL)
  })

  test.each<[string, () => RedisClient]>([
    ['ioredis', () => new Redis(join(folder, 'socket'), { lazyConnect: true })],
    ['node-redis', () => createClient({ socket: { path: join(folder, 'socket'), tls: false } })],
  ])('of %s to a socket in a folder', async (_, clientOf) => expect(await used(clientOf())).toEqual(ALL))

  test.each<[string, (port: number) => RedisClient]>([
    ['ioredis', (port) => new Redis({ port, tls: { ca: tls.cert }, lazyConnect: true })],
    ['node-redis', (port) => createClient({ socket: { port, host: '127.0.0.1', tls: true, ca: tls.cert } })],
  ])('of %s with TLS', async (_, clientOf) => {
    writeFileSync(join(folder, 'cert.pem'), tls.cert)
    writeFileSync(join(folder, 'key.pem'), tls.key)
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const secure = await startRedis()
    await secure.send(
      'CONFIG',
      'SET',
      'tls-cert-file',
      certFile,
      'tls-key-file',
      keyFile,
      'tls-ca-cert-file',
      certFile,
      'tls-auth-clients',
      'no',
    )
    const other = await startRedis()
    const { port } = other
    await other.remove()
    await secure.send('CONFIG', 'SET', 'tls-port', port)
    expect(await used(clientOf(port))).toEqual(ALL)
  })

  test('of ioredis with passwords of any characters, by a URL', async () => {
    const password = 'p@ss:w/rd#?%25 é'
    await server.send('ACL', 'SETUSER', 'ann@home', 'reset', 'on', `>${password}`, '~*', '&*', '+@all')
    const url = `redis://${encodeURIComponent('ann@home')}:${encodeURIComponent(password)}@127.0.0.1:${server.port}`
    expect(await used(new Redis(url, { lazyConnect: true }))).toEqual(ALL)
    expect(await used(createClient({ url }))).toEqual(ALL)
  })

  test('of node-redis for sentinels is refused, with what to take', () => {
    const client = createSentinel({ name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] })
    expect(() => redisEngine({ client })).toThrow(/sentinels.*ioredis/)
  })
})
