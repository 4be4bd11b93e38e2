import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { expect, test } from 'vitest'
import { redisEngine } from './index.js'

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['a URL', 'redis://localhost'],
  ['something else', { get: () => {} }],
  ['a cluster of ioredis', new Cluster([{ port: 1 }], { lazyConnect: true })],
  ['a cluster of node-redis', createCluster({ rootNodes: [{ url: 'redis://127.0.0.1:1' }] })],
])('refuses %s as a client', (_, client) => {
  expect(() => redisEngine({ client: client as never })).toThrow('`client` must be one of ioredis')
})

test.each<[string, object]>([
  ['name', { name: 'a{b}' }],
  ['name', { name: '' }],
  ['timeout', { timeout: -1 }],
  ['idempotencyWindow', { idempotencyWindow: Number.NaN }],
  ['forgetAfter', { forgetAfter: '1' }],
])('refuses a wrong %s: %j', (name, options) => {
  expect(() => redisEngine({ client: createClient(), ...options })).toThrow(`\`${name}\` must be`)
})

// Nothing is connected, and nothing of the packages is needed to compile: both clients are taken as they are.
test('takes both clients by their shape', () => {
  for (const client of [createClient(), new Redis({ lazyConnect: true })]) expect(redisEngine({ client }).supports.shared).toBe(true)
})
