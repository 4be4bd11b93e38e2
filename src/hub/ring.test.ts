import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pattern, selectorsOf } from '../protocol/topic.js'
import { frameOf, type Frame } from './frame.js'
import { interestOf } from './interest.js'
import { createRing } from './ring.js'

const frame = (topic: string, seq: number, length = 0): Frame =>
  frameOf({ topic, seq, prev: 0, fields: { data: 'x'.repeat(length) }, at: 0 })

const interests = [['a'], ['a', 'b'], [pattern('**')], [pattern('t/*'), 'a']].map((topics) => interestOf(selectorsOf(topics)))

describe('the ring', () => {
  test('gives what an interest has above a position, in order, in pieces that fit together', () => {
    const frames = fc.array(fc.record({ topic: fc.constantFrom('a', 'b', 't/1', 't/2'), length: fc.nat(900) }), { maxLength: 60 })
    fc.assert(
      fc.property(
        frames,
        fc.integer({ min: 1, max: 20_000 }),
        fc.nat(60),
        fc.nat(60),
        fc.integer({ min: 1, max: 4000 }),
        (rows, maxBytes, after, upTo, bytes) => {
          const ring = createRing(maxBytes)
          const all = rows.map(({ topic, length }, index) => frame(topic, index + 1, length))
          for (const each of all) ring.add(each)
          for (const interest of interests) {
            const begin = Math.max(after, ring.start)
            const end = Math.max(begin, upTo)
            const got: number[] = []
            let cursor = begin
            for (let turns = 0; cursor < end; turns++) {
              const { frames, through } = ring.read(interest, cursor, end, bytes)
              expect(turns).toBeLessThan(200)
              expect(through).toBeGreaterThan(cursor)
              got.push(...frames.map(({ seq }) => seq))
              cursor = through
            }
            expect(got).toEqual(all.filter(({ seq, topic }) => seq > begin && seq <= end && interest.has(topic)).map(({ seq }) => seq))
          }
        },
      ),
    )
  })

  test('holds no more bytes than it may, and says from where on it has everything', () => {
    const ring = createRing(10_000)
    for (let seq = 1; seq <= 100; seq++) ring.add(frame('a', seq, 300))
    expect(ring.start).toBe(90)
    const { frames } = ring.read(interestOf(['a']), 90, 100, Infinity)
    expect(frames.map(({ seq }) => seq)).toEqual([91, 92, 93, 94, 95, 96, 97, 98, 99, 100])
    expect(frames.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(10_000)
    // One that is larger than all of it is not kept, and not forgotten either.
    ring.add(frame('a', 101, 20_000))
    expect(ring.start).toBe(101)
  })

  test('emptied, it holds what comes after', () => {
    const ring = createRing(10_000)
    ring.add(frame('a', 1))
    ring.clear(7)
    expect(ring.start).toBe(7)
    expect(ring.topics).toBe(0)
    ring.add(frame('a', 8))
    expect(ring.read(interestOf(['a']), 7, 8, 1).frames).toHaveLength(1)
  })
})
