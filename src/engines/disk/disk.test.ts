import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'lmdb'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { newFolder, removeFolders } from '../../../test/helpers/folders.js'
import { until } from '../../../test/helpers/until.js'
import { pattern } from '../../protocol/topic.js'
import { testEngine } from '../../testing/engine.js'
import type { Engine, StoredItem } from '../engine.js'
import { diskEngine, type DiskOptions } from './index.js'

const ALL = { limit: 100_000, bytes: 2 ** 30 }

afterAll(removeFolders)

describe.each(['fsync', 'process'] as const)('the disk engine with durability %s', (durability) => {
  let path = ''
  testEngine({
    test,
    createEngine: () => diskEngine({ path: (path = join(newFolder(), 'store')), durability }),
    reopen: () => diskEngine({ path, durability }),
  })
})

/** Open, and closed with the test. */
async function engineIn(path: string, options: Partial<DiskOptions> = {}): Promise<Engine> {
  const engine = diskEngine({ path, durability: 'process', ...options })
  onTestFinished(() => engine.close())
  await engine.open()
  return engine
}

/** Stops the clock: what has a time has that of the test, which says how many milliseconds have gone by. */
function clockOfOurs(): (time: number) => void {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const begun = Date.now()
  return (time) => vi.setSystemTime(begun + time)
}

/** How many records each table of a store has. */
async function recordsIn(path: string): Promise<Record<string, number>> {
  const root = open({ path, overlappingSync: false })
  const count = (name: string): number => root.openDB({ name }).getKeysCount()
  const counts = Object.fromEntries(['topics', 'items', 'log', 'passing', 'keys', 'key-times'].map((name) => [name, count(name)]))
  await root.close()
  return counts
}

describe('a store', () => {
  test('that is asked for a new epoch keeps its items and goes on counting', async () => {
    const path = newFolder()
    const before = await engineIn(path)
    const { epoch, seq } = (await before.append('a', { data: 'old' }, { history: {}, idempotencyKey: 'key' })) ?? { epoch: '', seq: 0 }
    await before.close()

    const engine = await engineIn(path, { newEpoch: true })
    const opened = await engine.open()
    expect(opened).toEqual({ epoch: expect.stringMatching(/^[0-9A-Za-z]+$/), head: seq })
    expect(opened.epoch).not.toBe(epoch)
    expect(await engine.append('a', { data: 'new' }, { history: {} })).toEqual({ epoch: opened.epoch, seq: seq + 1, prev: seq })
    expect((await engine.append('a', { data: 'old' }, { history: {}, idempotencyKey: 'key' }))?.seq).toBe(seq)
    const { items } = await engine.read(['a'], 0, ALL)
    expect(items.map(({ fields }) => fields.data)).toEqual(['old', 'new'])
  })

  test('that begins a new epoch tells who watches it', async () => {
    const path = newFolder()
    const engine = await engineIn(path)
    const resets: string[] = []
    const told: StoredItem[] = []
    engine.watch(
      (items) => void told.push(...items),
      (epoch) => void resets.push(epoch),
    )
    await engine.append('a', { data: '1' }, { history: {} })
    const other = await engineIn(path, { newEpoch: true })
    await until('a reset', () => resets.length > 0)
    expect(resets).toEqual([(await other.open()).epoch])
    expect((await engine.append('a', { data: '2' }, { history: {} }))?.epoch).toBe(resets[0])
    await until('both items are told', () => told.length >= 2)
    expect(told.map(({ seq }) => seq)).toEqual([1, 2])
    expect(resets).toHaveLength(1)
  })

  test('of a newer format is refused, and stays as it is', async () => {
    const path = newFolder()
    const root = open<Buffer>({ path, encoding: 'binary', overlappingSync: false })
    const record = Buffer.alloc(30)
    record.writeUInt8(2)
    await root.put('position', record)
    await root.close()
    const engine = diskEngine({ path })
    expect(engine.opened).toBeUndefined()
    await expect(engine.open()).rejects.toMatchObject({
      code: 'SSE_ENGINE',
      message: `The store in ${path} has format 2, and this version of server-sent knows formats up to 1: update server-sent, or use another folder`,
    })
    await engine.close()
    await engine.close()
  })

  test.each([
    ['is a file', (folder: string) => join(folder, 'file')],
    ['can not be made', (folder: string) => join(folder, 'file', 'below')],
  ])('whose path %s is told by open(), not before', async (_, pathIn) => {
    const folder = newFolder()
    writeFileSync(join(folder, 'file'), 'x')
    const path = pathIn(folder)
    const engine = diskEngine({ path })
    const failed = { code: 'SSE_ENGINE', message: expect.stringContaining(`Can't open the store in ${JSON.stringify(path)}`) }
    await expect(engine.open()).rejects.toMatchObject(failed)
    await expect(engine.append('a', { data: 'x' }, { history: {} })).rejects.toMatchObject(failed)
    await expect(engine.read(['a'], 0, ALL)).rejects.toMatchObject(failed)
    await engine.close()
    await expect(engine.open()).rejects.toMatchObject({ code: 'SSE_CLOSED' })
  })

  test.each<[string, object, string]>([
    ['no path', {}, '`path` must be the name of a folder'],
    ['an unknown durability', { path: 'x', durability: 'always' }, '`durability` must be "fsync" or "process": "always"'],
    ['a window that is no time', { path: 'x', idempotencyWindow: '10m' }, '`idempotencyWindow` must be a number >= 0: 10m'],
  ])('is refused with %s', (_, options, said) => {
    expect(() => diskEngine(options as DiskOptions)).toThrow(TypeError)
    expect(() => diskEngine(options as DiskOptions)).toThrow(said)
  })
})

describe('what is refused before it is stored', () => {
  test.each<[string, (engine: Engine) => Promise<unknown>, string]>([
    ['a topic that is none', (engine) => engine.append('a//b', { data: 'x' }, { history: {} }), 'Not a topic: "a//b"'],
    ['data that is no text', (engine) => engine.append('a', { data: 1 } as never, { history: {} }), '`data` must be a string: 1'],
    ['an event type that is no text', (engine) => engine.append('a', { data: '', event: 1 } as never, { history: {} }), '`event` must be'],
    ["a transaction of the caller's", (engine) => engine.append('a', { data: '' }, { history: {}, transaction: {} }), '`transaction`: the'],
  ])('%s, alone among others', async (_, append, said) => {
    const engine = await engineIn(newFolder())
    const beside = ['1', '2'].map((data) => engine.append('a', { data }, { history: {} }))
    await expect(append(engine)).rejects.toThrow(said)
    expect(await Promise.all(beside)).toMatchObject([{ seq: 1 }, { seq: 2 }])
  })
})

describe('what a store no longer needs', () => {
  test('is dropped also when nothing is appended', async () => {
    const path = newFolder()
    const engine = await engineIn(path, { idempotencyWindow: 100 })
    for (let at = 0; at < 500; at++) void engine.append(`t/${at % 300}`, { data: 'x' }, { history: { age: 100 }, idempotencyKey: `${at}` })
    await engine.append('last', { data: 'x' }, { history: {} })
    await until('only what lasts is left', async () => {
      const { topics, items, log, keys, 'key-times': times } = await recordsIn(path)
      return items === 1 && log === 1 && topics === 301 && keys === 0 && times === 0
    })
    expect((await engine.read([pattern('t/*')], 0, ALL)).trimmed).toBe(500)
  })

  test('forgets a topic that has kept nothing for long, and tells of its items all the same', async () => {
    const path = newFolder()
    const engine = await engineIn(path, { forgetAfter: 100 })
    const history = { history: { size: 0 } }
    await engine.append('gone', { data: '1' }, history)
    await engine.append('stays', { data: '2' }, { history: {} })
    const { seq } = (await engine.append('gone', { data: '3' }, history)) ?? { seq: 0 }
    await until('one topic is known', async () => (await engine.topics?.([pattern('*')]))?.length === 1)
    expect((await engine.read(['gone'], 0, ALL)).trimmed).toBe(seq)
    expect((await engine.read(['never-was'], 0, ALL)).trimmed).toBe(seq)
    expect((await engine.read(['stays'], 0, ALL)).trimmed).toBe(0)
    expect(await engine.append('gone', { data: '4' }, { history: {} })).toMatchObject({ seq: seq + 1, prev: seq })
    expect((await engine.read(['gone'], 0, ALL)).trimmed).toBe(seq)
  })

  test('is dropped in portions when a history becomes shorter', async () => {
    const path = newFolder()
    const engine = await engineIn(path)
    await Promise.all(Array.from({ length: 5000 }, (_, at) => engine.append('a', { data: `${at}` }, { history: {} })))
    await engine.append('a', { data: 'last' }, { history: { size: 10 } })
    expect((await engine.read(['a'], 0, ALL)).items.length).toBeGreaterThan(4900)
    await until('ten items are kept', async () => (await engine.read(['a'], 0, ALL)).items.length === 10)
    const { items, trimmed } = await engine.read(['a'], 0, ALL)
    expect([items[0]?.prev, items.at(-1)?.seq]).toEqual([trimmed, 5001])
    expect(await recordsIn(path)).toMatchObject({ items: 10, log: 10 })
  })

  test('an idempotency key is free again after its window', async () => {
    const moveTo = clockOfOurs()
    const engine = await engineIn(newFolder(), { idempotencyWindow: 50 })
    const options = { history: {}, idempotencyKey: 'key' }
    expect((await engine.append('a', { data: 'x' }, options))?.seq).toBe(1)
    moveTo(80)
    expect((await engine.append('a', { data: 'other' }, options))?.seq).toBe(2)
    expect((await engine.append('a', { data: 'other' }, options))?.seq).toBe(2)
  })
})

test('another engine on the store hears of items that are not kept, in order with the others', async () => {
  const path = newFolder()
  const engine = await engineIn(path)
  const other = await engineIn(path)
  const told: string[] = []
  let seen = 0
  other.watch(
    (items) => {
      for (const { seq, fields } of items) {
        expect(seq).toBe(++seen)
        told.push(fields.data)
      }
    },
    () => {},
  )
  for (let at = 0; at < 60; at++) await engine.append(`t/${at % 3}`, { data: `${at}` }, { history: at % 3 === 0 ? { size: 0 } : {} })
  await until('all items are told', () => told.length === 60)
  expect(told).toEqual(Array.from({ length: 60 }, (_, at) => `${at}`))
})

test('two engines that append and watch at once both hear of everything, in order', async () => {
  const path = newFolder()
  const engines = [await engineIn(path), await engineIn(path)]
  const told: number[][] = [[], []]
  engines.forEach((engine, index) =>
    engine.watch(
      (items) => void told[index]?.push(...items.map(({ seq }) => seq)),
      () => {},
    ),
  )
  await Promise.all(
    engines.map(async (engine) => {
      for (let at = 0; at < 150; at++) await engine.append('a', { data: `${at}` }, { history: {} })
    }),
  )
  await until('both have heard of all', () => told.every((seqs) => seqs.length >= 300))
  const all = Array.from({ length: 300 }, (_, at) => at + 1)
  expect(told).toEqual([all, all])
})

test('items that are too old are not read, while they are still stored, nor when a longer age comes', async () => {
  const moveTo = clockOfOurs()
  const engine = await engineIn(newFolder())
  const topics = Array.from({ length: 100 }, (_, at) => `t/${at}`)
  const append = (data: string, age: number, which: readonly string[]): Promise<unknown> =>
    Promise.all(which.map((topic) => engine.append(topic, { data }, { history: { age } })))
  const look = async (): Promise<unknown> => {
    const { items, trimmed } = await engine.read([pattern('t/*')], 0, ALL)
    return { seqs: items.map(({ seq }) => seq), trimmed }
  }
  const seqs = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at)

  await append('old', 600, topics)
  expect(await look()).toEqual({ seqs: seqs(1, 100), trimmed: 0 })
  moveTo(590)
  expect(await look()).toEqual({ seqs: seqs(1, 100), trimmed: 0 })
  moveTo(610)
  expect(await look()).toEqual({ seqs: [], trimmed: 100 })
  await append('new', 60_000, topics.slice(0, 50))
  expect(await look()).toEqual({ seqs: seqs(101, 150), trimmed: 100 })
  await append('new', 90_000, topics)
  expect(await look()).toEqual({ seqs: seqs(101, 250), trimmed: 100 })
})

test.each([1, 50])('at any moment exactly the items that are young enough are read, of %i topics', async (count) => {
  const engine = await engineIn(newFolder())
  const age = 400
  const stored: StoredItem[] = []
  const known: StoredItem[] = []
  engine.watch(
    (items) => void known.push(...items),
    () => {},
  )
  let partly = 0
  // Bursts, and silence between them, in which nothing is dropped from the store. More of them where few looks met a part.
  for (let burst = 0; burst < 4 || partly <= 5; burst++) {
    for (let at = 0; at < count; at++) await engine.append(`t/${at}`, { data: `${burst}` }, { history: { age } })
    stored.push(...known.splice(0))
    for (const until = Date.now() + 280; Date.now() < until;) {
      const before = Date.now()
      const { items, trimmed } = await engine.read([pattern('t/*')], 0, ALL)
      const after = Date.now()
      expect(items.filter(({ at }) => at < before - age)).toEqual([])
      expect(items.length).toBeGreaterThanOrEqual(stored.filter(({ at }) => at >= after - age).length)
      const gone = stored.filter(({ seq }) => !items.some((item) => item.seq === seq))
      expect(trimmed).toBe(Math.max(0, ...gone.map(({ seq }) => seq)))
      if (gone.length > 0 && items.length > 0) partly++
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
})

test('a pattern over many topics finds its items, from anywhere, in pages of any size', async () => {
  const engine = await engineIn(newFolder())
  const topics = Array.from({ length: 200 }, (_, at) => `${at % 2 ? 'odd' : 'even'}/${at}`)
  const all = await Promise.all(
    Array.from({ length: 12_000 }, async (_, at) => {
      // The even ones stop early: what follows is far between for who reads them.
      const topic = at > 2000 && at !== 11_000 ? (topics[2 * (at % 100) + 1] as string) : (topics[at % 200] as string)
      return { topic, seq: (await engine.append(topic, { data: 'x' }, { history: {} }))?.seq ?? 0 }
    }),
  )
  for (const [selector, limit] of [
    [pattern('even/*'), 700],
    [pattern('odd/*'), 5000],
    [pattern('**'), 9000],
  ] as const) {
    const found: number[] = []
    let after = 0
    do {
      const { items, through } = await engine.read([selector], after, { ...ALL, limit })
      found.push(...items.map(({ seq }) => seq))
      after = through
    } while (after < 12_000)
    expect(found).toEqual(
      all
        .filter(({ topic }) => selector.matches(topic))
        .map(({ seq }) => seq)
        .sort((a, b) => a - b),
    )
  }
})
