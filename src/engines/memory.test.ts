import { describe, expect, test } from 'vitest'
import { pattern } from '../protocol/topic.js'
import { memoryEngine } from './memory.js'

const page = { limit: 100, bytes: 1e6 }
const seqs = (items: readonly { readonly seq: number }[]): number[] => items.map(({ seq }) => seq)

describe('maxBytes', () => {
  test('bounds all topics together: the oldest items of all go first, and the topics that lost them say so', async () => {
    const engine = memoryEngine({ maxBytes: 10 * (1000 + 256) })
    for (let n = 0; n < 15; n++) await engine.append(`t/${n % 3}`, { data: 'x'.repeat(1000) }, { history: {} })
    const { items, trimmed, head } = await engine.read([pattern('**')], 0, page)
    expect(head).toBe(15)
    expect(seqs(items)).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
    expect(trimmed).toBe(5)
    expect((await engine.read(['t/0'], 0, page)).trimmed).toBe(4)
  })

  test('counts idempotency keys too', async () => {
    const engine = memoryEngine({ maxBytes: 10_000 })
    for (let n = 0; n < 200; n++) await engine.append('a', { data: '' }, { history: { size: 0 }, idempotencyKey: `k${n}` })
    // The newest are still known, the oldest had to go.
    const repeat = async (n: number): Promise<unknown> =>
      (await engine.append('a', { data: '' }, { history: { size: 0 }, idempotencyKey: `k${n}` }))?.seq
    expect(await repeat(199)).toBe(200)
    expect(await repeat(0)).toBe(201)
  })
})

describe('maxTopics', () => {
  test('forgets topics without items; what they had dropped is remembered for all of them', async () => {
    const engine = memoryEngine({ maxTopics: 3 })
    await engine.append('kept', { data: '1' }, { history: {} })
    await engine.append('gone/1', { data: '2' }, { history: { size: 0 } })
    await engine.append('gone/2', { data: '3' }, { history: { size: 0 } })
    await engine.append('new', { data: '4' }, { history: {} })
    expect((await engine.read(['gone/1'], 0, page)).trimmed).toBe(3)
    expect((await engine.read(['kept'], 0, page)).trimmed).toBe(0)
    expect((await engine.read([pattern('*')], 0, page)).trimmed).toBe(3)
    // Born again: nobody who has read less far than its old head may think that nothing is missing.
    await engine.append('gone/1', { data: '5' }, { history: {} })
    expect(await engine.read(['gone/1'], 0, page)).toMatchObject({ trimmed: 3, items: [{ seq: 5, prev: 3 }] })
  })
})

test.each(['maxBytes', 'maxTopics', 'idempotencyWindow'])('refuses a %s that is no number', (name) => {
  expect(() => memoryEngine({ [name]: 'many' as never })).toThrow(`\`${name}\` must be a number >= 0`)
})
