import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { CLIENTS, newHub, openEngine, type ClientName } from '../../../test/engines/redis-engines.js'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../../../test/helpers/redis.js'
import { pattern } from '../../protocol/topic.js'
import type { Engine } from '../engine.js'
import { redisEngine } from './index.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(removeRedis)

// As docs/engines.md has them.
const documented = (name: string): readonly string[] =>
  `~{${name}}:* &* +@read +@write +@pubsub +@scripting +info +time +ping +select`.split(' ')

/** The engine of a user with these rules, for a hub of its own, which another user may have filled. */
async function engineOf(client: ClientName, rulesOf: (name: string) => readonly string[], name = newHub(), database = 0): Promise<Engine> {
  await server.send('ACL', 'SETUSER', name, 'reset', 'on', '>secret', ...rulesOf(name))
  const engine = redisEngine({
    name,
    client:
      client === 'ioredis'
        ? new Redis({ port: server.port, username: name, password: 'secret', db: database, lazyConnect: true })
        : createClient({ url: `redis://${name}:secret@127.0.0.1:${server.port}/${database}` }),
  })
  onTestFinished(() => engine.close())
  return engine
}

describeWithRedis('a user of Redis whose rights are limited', () => {
  describe.each(CLIENTS)('with %s', (client) => {
    test.each([0, 1])('may do everything by the rules that are documented, in database %i', async (database) => {
      const engine = await engineOf(client, documented, undefined, database)
      await engine.open()
      const heard: string[] = []
      engine.watch(
        (items) => void heard.push(...items.map(({ fields }) => fields.data)),
        () => {},
      )
      await engine.append('a', { data: 'x' }, { history: { size: 1 }, idempotencyKey: 'k' })
      await engine.append('a', { data: 'y' }, { history: { size: 1, age: 1 } })
      await expect.poll(() => heard).toEqual(['x', 'y'])
      expect(await engine.read([pattern('**')], 0, { limit: 10, bytes: 1000 })).toMatchObject({ head: 2 })
      expect(await engine.topics?.(['a'])).toEqual(['a'])
      const { nodes } = engine
      expect(await nodes?.take([{ key: 'k', limit: 1 }])).toBe(-1)
      nodes?.give(['k'])
      expect(await nodes?.pass('k', 1)).toBe(true)
      await nodes?.tell('x')
      await nodes?.note('x')
      expect(await nodes?.notes()).toEqual([])
    })

    // By a script that is stopped half-way an item would be stored that nobody reads.
    test.each([
      ['channels', /doesn't let .*publish.*&\*/, (name: string) => documented(name).filter((rule) => rule !== '&*')],
      ['publish', /doesn't let .*\(publish\)/, (name: string) => [...documented(name), '-publish']],
      ['xadd and unlink', /doesn't let .*\(unlink, xadd\)/, (name: string) => [...documented(name), '-xadd', '-unlink']],
      [
        'all keys',
        /doesn't let .*\(del, exists, .*zrevrange, zscore\)/,
        (name: string) => documented(name).map((rule) => (rule.startsWith('~') ? `~{${name}}:meta` : rule)),
      ],
      ['scripts', /Its access rules/, (name: string) => [...documented(name), '-@scripting']],
      [
        'patterns of channels',
        /Its access rules/,
        (name: string) => documented(name).map((rule) => (rule === '&*' ? `&{${name}}:*` : rule)),
      ],
    ])('is told at the start that it needs %s, and nothing is written', async (_, words, rulesOf) => {
      const { name, put } = await openEngine(server.port)
      await put('a', 'first')
      const stored = await server.send('DUMP', `{${name}}:meta`)
      const engine = await engineOf(client, rulesOf, name)
      await expect(engine.open()).rejects.toMatchObject({ code: 'SSE_ENGINE', message: expect.stringMatching(words) as string })
      expect(await server.send('DUMP', `{${name}}:meta`)).toEqual(stored)
    })
  })
})
