import { array, assert, constantFrom, oneof, property, type Arbitrary } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pattern } from '../../protocol/topic.js'
import { allows, covers } from './covers.js'

const name = constantFrom('a', 'b', 'stock')
const topic = array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'))
const selector: Arbitrary<string> = oneof(
  array(oneof(name, constantFrom('*')), { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/')),
  array(oneof(name, constantFrom('*')), { maxLength: 3 }).map((segments) => [...segments, '**'].join('/')),
)

/** All topics of up to five segments. `fresh` is a name that stands in no pattern: what holds for it holds for any other. */
const everyTopic = Array.from({ length: 5 }).reduce<string[][]>(
  (levels) => [...levels, (levels.at(-1) as string[]).flatMap((head) => ['a', 'b', 'stock', 'fresh'].map((next) => `${head}/${next}`))],
  [['a', 'b', 'stock', 'fresh']],
)
const topics = everyTopic.flat()

describe('covers', () => {
  test.each([
    ['stock/**', 'stock/*', true],
    ['stock/**', 'stock/*/price', true],
    ['stock/**', 'stock/**', true],
    ['stock/**', 'stock/1', true],
    ['stock/**', 'stock', false],
    ['stock/**', '**', false],
    ['stock/*', 'stock/**', false],
    ['stock/*', 'stock/*', true],
    ['stock/*', 'stock/*/price', false],
    ['a/*', '*/x', false],
    ['*/x', 'a/*', false],
    ['*/x', 'a/x', true],
    ['**', '*', true],
    ['**', 'a/*/**', true],
    ['*', '**', false],
    ['*/**', '**', false],
    ['**', '*/**', true],
    ['a', 'a', true],
    ['a', '*', false],
    ['ab', 'a', false],
  ])('%s covers %s: %s', (granted, asked, answer) => {
    expect(covers(granted, asked)).toBe(answer)
  })

  test('whatever topic the asked pattern matches, the granted one matches', () => {
    let seen = 0
    assert(
      property(selector, selector, topic, (granted, asked, one) => {
        if (!covers(granted, asked)) return true
        seen++
        return !pattern(asked).matches(one) || pattern(granted).matches(one)
      }),
      { numRuns: 5000 },
    )
    expect(seen).toBeGreaterThan(300)
  })

  test('where it says no, there is a topic that only the asked pattern matches', () => {
    let seen = 0
    assert(
      property(selector, selector, (granted, asked) => {
        if (covers(granted, asked)) return true
        seen++
        const [given, wanted] = [pattern(granted), pattern(asked)]
        return topics.some((one) => wanted.matches(one) && !given.matches(one))
      }),
      { numRuns: 500 },
    )
    expect(seen).toBeGreaterThan(100)
  })
})

test('a name is allowed by itself or by a pattern, a pattern by a pattern alone', () => {
  const granted = ['orders', pattern('stock/*')]
  expect(allows(granted, 'orders')).toBe(true)
  expect(allows(granted, 'stock/1')).toBe(true)
  expect(allows(granted, 'stock')).toBe(false)
  expect(allows(granted, pattern('stock/*'))).toBe(true)
  expect(allows(granted, pattern('*'))).toBe(false)
  expect(allows([], 'orders')).toBe(false)
})
