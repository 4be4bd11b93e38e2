import { assert, array, integer, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRate } from './rate.js'

describe('a rate', () => {
  test('lets a burst of one second through, then one after the other', () => {
    let now = 0
    const rate = createRate(4, () => now)
    expect(Array.from({ length: 6 }, () => rate.take('a'))).toEqual([0, 0, 0, 0, 250, 250])
    expect(rate.take('b')).toBe(0)
    now = 250
    expect([rate.take('a'), rate.take('a')]).toEqual([0, 250])
    now = 10_000
    expect(Array.from({ length: 5 }, () => rate.take('a'))).toEqual([0, 0, 0, 0, 250])
  })

  test('may be less than one a second, or none', () => {
    let now = 0
    const slow = createRate(0.1, () => now)
    expect([slow.take('a'), slow.take('a')]).toEqual([0, 10_000])
    now = 10_000
    expect(slow.take('a')).toBe(0)
    expect(createRate(0).take('a')).toBe(Infinity)
    expect(createRate(Infinity).take('a')).toBe(0)
  })

  test('is kept to, whatever the pauses and the keys', () => {
    const steps = array(integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 300 })
    assert(
      property(steps, integer({ min: 1, max: 20 }), (pauses, perSecond) => {
        let now = 0
        const rate = createRate(perSecond, () => now)
        const taken: number[] = []
        for (const pause of pauses) {
          now += pause
          rate.take(`other ${pause}`)
          if (rate.take('a') === 0) taken.push(now)
        }
        // In no window more than its length gives, and a second's worth of burst.
        for (const [index, from] of taken.entries()) {
          const later = taken.slice(index)
          later.forEach((to, at) => expect(at + 1).toBeLessThanOrEqual(perSecond + ((to - from) / 1000) * perSecond + 1e-6))
        }
      }),
    )
  })
})
