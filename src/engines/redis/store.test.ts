import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { listen, openEngine, type OpenedEngine } from '../../../test/engines/redis-engines.js'
import { createFaultProxy } from '../../../test/helpers/fault-proxy.js'
import { newFolder, removeFolders } from '../../../test/helpers/folders.js'
import {
  canFakeTime,
  describeWithRedis,
  fakeClock,
  removeRedis,
  replicated,
  startRedis,
  type RedisServer,
} from '../../../test/helpers/redis.js'
import { pattern } from '../../protocol/topic.js'

const JUMP = 2 ** 20

let shared: RedisServer
beforeAll(async () => void (shared = await startRedis()))
afterAll(async () => {
  await removeRedis()
  removeFolders()
})

const datas = ({ items }: { readonly items: readonly { readonly fields: { readonly data: string } }[] }): string[] =>
  items.map(({ fields }) => fields.data)

async function fill({ put }: OpenedEngine, from: number, to: number, topic = 'a'): Promise<number[]> {
  const seqs: number[] = []
  for (let at = from; at <= to; at++) seqs.push(await put(topic, `${at}`))
  return seqs
}

describeWithRedis('the store of a hub in Redis', () => {
  describe('a restart', () => {
    test.each(['stop', 'kill'] as const)(
      'that kept its data (%s): the epoch stays, every item is there, and nobody gets a gap',
      async (how) => {
        const server = await startRedis()
        const store = await openEngine(server.port)
        const heard = listen(store)
        await fill(store, 1, 10)
        await server[how]()
        await server.start()
        const next = await store.put('a', '11')
        expect(next).toBeGreaterThan(JUMP)
        for (const after of [0, 5, 9, 10]) {
          const first = await store.read('a', after)
          const rest = await store.read('a', first.through)
          expect([first.epoch, first.trimmed, rest.trimmed]).toEqual([store.epoch, 0, 0])
          expect([...new Set([...datas(first), ...datas(rest)])]).toEqual(
            Array.from({ length: 11 - after }, (_, at) => `${after + at + 1}`),
          )
        }
        await expect.poll(() => heard.through).toBe(next)
        expect(heard.resets).toEqual([])
      },
    )

    test('without its data: a new epoch, which is told', async () => {
      const server = await startRedis()
      const store = await openEngine(server.port)
      const heard = listen(store)
      await fill(store, 1, 10)
      await server.kill()
      await server.start({ empty: true })
      await expect.poll(() => heard.resets).toHaveLength(1)
      const page = await store.read('a')
      expect(page).toMatchObject({ epoch: heard.resets[0], head: 0, items: [] })
      expect(page.epoch).not.toBe(store.epoch)
      expect(await store.put('a', 'first')).toBe(1)
      for (let at = 2; at <= 12; at++) expect(await store.put('a', 'x')).toBe(at)
      await expect.poll(() => heard.through).toBe(12)
    })
  })

  describe('where the newest items may be lost', () => {
    async function lose(): Promise<{ store: OpenedEngine; at: number; to: number; seen: OpenedEngine }> {
      const master = await startRedis()
      const replica = await startRedis({ replicaOf: master })
      const proxy = await createFaultProxy(master)
      const seen = await openEngine(proxy.port)
      await fill(seen, 1, 10)
      await replicated(replica)
      await replica.send('REPLICAOF', 'NO', 'ONE')
      // These only the old master has.
      await fill(seen, 11, 15)
      const { accepted } = proxy
      proxy.aim(replica)
      proxy.reset()
      // Both connections are new: right after the reset it doesn't know yet that it is away.
      await expect.poll(() => proxy.accepted >= accepted + 2 && !seen.engine.isAway).toBe(true)
      const store = await openEngine(replica.port, { name: seen.name })
      return { store, seen, at: 10, to: (await store.read('a', 10)).head - 1 }
    }

    test('a replica that was promoted: only cursors from the lost time get a gap, and no number is given twice', async () => {
      const { store, seen, at, to } = await lose()
      expect(store.epoch).toBe(seen.epoch)
      expect(to).toBeGreaterThanOrEqual(at + JUMP)
      expect(await seen.put('a', 'next')).toBe(to + 2)
      for (const [after, isInside] of [
        [0, false],
        [at - 1, false],
        [at, false],
        [at + 1, true],
        [at + 5, true],
        [to, true],
        [to + 1, false],
        [to + 2, false],
      ] as const) {
        const { trimmed, epoch } = await store.read(['a', pattern('**')], after)
        expect([after, epoch, trimmed]).toEqual([after, store.epoch, isInside ? to : 0])
      }
    })

    test('a page that begins before it ends there, so that whoever reads along never skips it', async () => {
      const { store, at, to } = await lose()
      await store.put('b', 'next')
      expect(await store.read(pattern('**'), 3)).toMatchObject({ through: at, head: to + 2 })
      expect(datas(await store.read(pattern('**'), at))).toEqual(['next'])
    })

    test('a backup that was restored, also when nobody is left who has seen more', async () => {
      const server = await startRedis()
      const folder = newFolder()
      const store = await openEngine(server.port)
      await fill(store, 1, 10)
      await server.stop()
      cpSync(join(server.folder, 'data'), join(folder, 'data'), { recursive: true })
      await server.start()
      const lost = await fill(store, 11, 15)
      await store.engine.close()
      await server.stop()
      rmSync(join(server.folder, 'data'), { recursive: true })
      cpSync(join(folder, 'data'), join(server.folder, 'data'), { recursive: true })
      await server.start()
      const later = await openEngine(server.port, { name: store.name })
      expect(later.epoch).toBe(store.epoch)
      for (const after of [...lost, 11]) expect((await later.read('a', after)).trimmed).toBeGreaterThanOrEqual(after)
      expect((await later.read('a', 10)).trimmed).toBe(0)
      expect(await later.put('a', 'next')).toBeGreaterThan(Math.max(...lost))
    })

    test('the jump is longer than what can have been published since', async () => {
      const server = await startRedis()
      const store = await openEngine(server.port)
      await store.put('a', '1')
      // As if a day had passed.
      await server.send('HINCRBY', `{${store.name}}:meta`, 'at', -86_400_000)
      await server.stop()
      await server.start()
      expect(await store.put('a', '2')).toBeGreaterThan(86_400_000 * 100)
    })

    test('a node has seen more than the very same server has now', async () => {
      const store = await openEngine(shared.port)
      await fill(store, 1, 15)
      const meta = `{${store.name}}:meta`
      await shared.send('HSET', meta, 'seq', 10)
      expect((await store.read('a', 15)).trimmed).toBeGreaterThan(15)
      expect(await store.put('a', 'next')).toBeGreaterThan(JUMP)
    })

    test('many times: the fences stay few, and none of them is forgotten', async () => {
      const store = await openEngine(shared.port)
      const inside: number[] = []
      for (let round = 0; round < 130; round++) {
        const seq = await store.put('a', 'x')
        inside.push(seq + 1)
        await shared.send('HSET', `{${store.name}}:meta`, 'who', `${round}`)
      }
      await store.put('a', 'x')
      expect(await shared.send('ZCARD', `{${store.name}}:fence`)).toBeLessThan(110)
      for (const after of inside) expect((await store.read('a', after)).trimmed).toBeGreaterThan(after)
    })
  })

  describe('keys that were evicted', () => {
    test.each(['meta', 'topics', 'heads', 'drops', 'due', 'fence'])('without %s it is a new store, and that is told', async (key) => {
      const store = await openEngine(shared.port)
      const heard = listen(store)
      await fill(store, 1, 5)
      await shared.send('DEL', `{${store.name}}:${key}`)
      expect(await store.put('a', 'new')).toBe(1)
      expect(heard.resets).toHaveLength(1)
      const page = await store.read('a')
      expect(page.epoch).toBe(heard.resets[0])
      expect(datas(page)).toEqual(['new'])
    })

    test('without its items a topic says that it has dropped them', async () => {
      const store = await openEngine(shared.port)
      const seqs = await fill(store, 1, 5)
      const other = await store.put('b', 'kept')
      await shared.send('DEL', `{${store.name}}:t:a`)
      expect(await store.read(['a', 'b'])).toMatchObject({ trimmed: seqs.at(-1), items: [{ seq: other }] })
      expect((await store.read('b')).trimmed).toBe(0)
      expect((await store.read('a', 5)).trimmed).toBe(5)
    })

    test('also when it gets new ones before anybody looks', async () => {
      const store = await openEngine(shared.port)
      const seqs = await fill(store, 1, 5)
      await shared.send('DEL', `{${store.name}}:t:a`)
      // What is gone must not be counted, or the new one would be dropped for it.
      const next = await store.put('a', 'new', { history: { size: 5 } })
      expect(await store.read('a')).toMatchObject({ trimmed: seqs.at(-1), items: [{ seq: next }] })
      expect((await store.read(pattern('**'))).trimmed).toBe(seqs.at(-1))
    })

    test('also on a page along the log of all topics', async () => {
      const store = await openEngine(shared.port)
      // So many that the log is read first.
      await Promise.all(Array.from({ length: 100 }, (_, at) => store.put(`other/${at}`, 'x')))
      const seqs = await fill(store, 1, 5)
      await shared.send('DEL', `{${store.name}}:t:a`)
      expect((await store.read(pattern('**'))).trimmed).toBe(seqs.at(-1))
    })

    test('without the log of all topics pages are the same', async () => {
      const store = await openEngine(shared.port)
      await Promise.all(Array.from({ length: 300 }, (_, at) => store.put(`t/${at % 100}`, `${at}`)))
      const before = await store.read(pattern('**'), 10)
      await shared.send('DEL', `{${store.name}}:log`)
      expect(await store.read(pattern('**'), 10)).toEqual(before)
      await store.put('t/1', 'more')
      expect(datas(await store.read(pattern('**'), 10))).toEqual([...datas(before), 'more'])
    })

    test('a server that may evict is warned of', async () => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
      const server = await startRedis({ maxmemory: '100mb', maxmemoryPolicy: 'allkeys-lru' })
      await openEngine(server.port)
      expect(warn.mock.calls.flat().join()).toContain('Set it to noeviction')
      warn.mockRestore()
    })
  })

  describe('memory that is full', () => {
    test('an append is not stored, reads go on, and with room again so do appends', async () => {
      const server = await startRedis()
      const store = await openEngine(server.port)
      await fill(store, 1, 10)
      const expiring = await store.put('soon', 'x', { history: { age: 50 } })
      await server.send('CONFIG', 'SET', 'maxmemory', '1mb')
      await expect(store.put('a', 'too much')).rejects.toMatchObject({
        code: 'SSE_ENGINE',
        message: expect.stringMatching(/not stored: .*maxmemory/) as string,
      })
      await expect(store.put('a', 'too much', { idempotencyKey: 'k' })).rejects.toMatchObject({ code: 'SSE_ENGINE' })
      expect(datas(await store.read('a'))).toHaveLength(10)
      await expect.poll(async () => (await store.read('soon')).trimmed).toBe(expiring)
      await server.send('CONFIG', 'SET', 'maxmemory', '0')
      expect(await store.put('a', 'fits')).toBe(expiring + 1)
      expect(await store.put('a', 'too much', { idempotencyKey: 'k' })).toBe(expiring + 2)
    })
  })

  describe('numbers', () => {
    test.each([1e14, 1e15, 2 ** 53 - 50])('are exact beyond %d', async (from) => {
      const store = await openEngine(shared.port)
      await shared.send('HSET', `{${store.name}}:meta`, 'seq', from)
      const seqs = await Promise.all(Array.from({ length: 20 }, (_, at) => store.put(`t/${at % 2}`, `${at}`, { history: { size: 7 } })))
      expect(seqs).toEqual(Array.from({ length: 20 }, (_, at) => from + at + 1))
      for (const selector of ['t/0', pattern('t/*'), pattern('**')]) {
        const { items, trimmed, head } = await store.read(selector, from - 1)
        expect(head).toBe(from + 20)
        expect(items.map(({ seq }) => seq)).toEqual(seqs.slice(6).filter((seq) => selector !== 't/0' || (seq - from) % 2 === 1))
        expect(trimmed).toBe(selector === 't/0' ? seqs[4] : seqs[5])
        for (const { seq, prev } of items) expect(prev).toBe(seq - 2)
      }
    })
  })

  describe('topics', () => {
    const ODD = ['a.b', 'a+b', 'a$', '-', '~', ':', '@x', '=', ',', '!', 'A-Z', '0', 'a/b/c', 'x'.repeat(255), 'c:a', 't:a', 'meta', '$/$']

    test('of any characters are told apart, by name and by pattern', async () => {
      const store = await openEngine(shared.port)
      for (const topic of ODD) await store.put(topic, topic, { idempotencyKey: 'same' })
      for (const topic of ODD) expect(datas(await store.read(topic))).toEqual([topic])
      for (const text of ['**', '*', '*/*', 'a/**', '$/*', 'a+b', 'a.b', '*/b/*', '-/**', 'a/*/c']) {
        const one = pattern(text)
        expect([text, ...datas(await store.read(one))]).toEqual([text, ...ODD.filter((topic) => one.matches(topic))])
      }
      expect((await store.engine.topics?.([pattern('**')]))?.toSorted()).toEqual(ODD.toSorted())
    })

    test('in thousands: a page along the log is the same as one of the topics side by side', async () => {
      const store = await openEngine(shared.port)
      for (let round = 0; round < 10; round++) {
        await Promise.all(Array.from({ length: 500 }, (_, at) => store.put(`t/${(at * 7 + round) % 400}`, `${round} ${at}`)))
      }
      const names = Array.from({ length: 400 }, (_, at) => `t/${at}`)
      for (const after of [0, 1234, 4990]) {
        const [byName, byPattern] = [await store.read(names, after), await store.read(pattern('t/*'), after)]
        expect(byName).toEqual(byPattern)
        expect(byName.items).toHaveLength(5000 - after)
        await shared.send('DEL', `{${store.name}}:log`)
        expect(await store.read(names, after)).toEqual(byName)
      }
    })
  })

  describe('a log of which little is left', () => {
    test('is read in pages that come on, however many topics there are', async () => {
      const store = await openEngine(shared.port)
      const history = { size: 1 }
      for (let round = 0; round < 12; round++) {
        await Promise.all(Array.from({ length: 1000 }, (_, at) => store.put(`t/${at}`, `${round} ${at}`, { history })))
      }
      await store.put('other', 'last')
      for (const selectors of [[pattern('**')], [pattern('t/*')], Array.from({ length: 1000 }, (_, at) => `t/${at}`)]) {
        const found: string[] = []
        for (let after = 0, pages = 0; after < 12_001; pages++) {
          const page = await store.engine.read(selectors, after, { limit: 300, bytes: 2 ** 20 })
          expect(page.through).toBeGreaterThan(after)
          expect(pages).toBeLessThan(20)
          found.push(...datas(page))
          after = page.through
        }
        expect(found.filter((data) => data !== 'last').toSorted()).toEqual(Array.from({ length: 1000 }, (_, at) => `11 ${at}`).toSorted())
      }
    })
  })

  describe('the clock', () => {
    test.skipIf(!canFakeTime)('set back by an hour: no item is lost, none is given twice, and keys are still known', async () => {
      const clock = fakeClock(newFolder())
      const server = await startRedis({ env: clock.env })
      const store = await openEngine(server.port)
      const history = { age: 60_000, size: 100 }
      for (let at = 1; at <= 5; at++) await store.put('a', `${at}`, { history, idempotencyKey: `k${at}` })
      clock.set('-1h')
      for (let at = 4; at <= 9; at++) await store.put('a', `${at}`, { history, idempotencyKey: `k${at}` })
      expect(await store.read('a')).toMatchObject({ head: 9, through: 9, trimmed: 0 })
      expect(datas(await store.read('a'))).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9'])
      const again = await openEngine(server.port, { name: store.name, client: 'node-redis' })
      expect(datas(await again.read(pattern('*'), 3))).toEqual(['4', '5', '6', '7', '8', '9'])
      clock.set('+2m')
      expect(await store.read('a')).toMatchObject({ items: [], trimmed: 9 })
    })
  })

  test('a key is free again after its window', async () => {
    const store = await openEngine(shared.port, { idempotencyWindow: 100 })
    const first = await store.put('a', 'x', { idempotencyKey: 'k' })
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(await store.put('a', 'other', { idempotencyKey: 'k' })).toBe(first + 1)
  })

  test('a script that Redis has forgotten is brought again, and the order of appends is kept', async () => {
    const store = await openEngine(shared.port)
    await store.put('a', 'before')
    await shared.send('SCRIPT', 'FLUSH')
    const seqs = await Promise.all(Array.from({ length: 1000 }, (_, at) => store.put('a', `${at}`)))
    expect(seqs).toEqual(Array.from({ length: 1000 }, (_, at) => at + 2))
    await shared.send('SCRIPT', 'FLUSH')
    expect((await store.read('a')).head).toBe(1001)
  })

  test('hubs of different names share a server without knowing', async () => {
    const [one, other] = [await openEngine(shared.port), await openEngine(shared.port)]
    const heard = listen(other)
    await one.put('a', 'x')
    expect(await other.put('a', 'y')).toBe(1)
    await expect.poll(() => heard.items.length).toBe(1)
    expect(datas(await other.read(pattern('**')))).toEqual(['y'])
  })
})
