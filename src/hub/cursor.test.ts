import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pattern, selectorsOf } from '../protocol/topic.js'
import { formatCursor, parseCursor, scopeOf } from './cursor.js'

describe('an id', () => {
  test('says what it was made of', () => {
    const cursor = fc.record({
      epoch: fc.stringMatching(/^[0-9A-Za-z]{1,32}$/),
      seq: fc.maxSafeNat(),
      owed: fc.boolean(),
      scope: fc.stringMatching(/^[0-9a-z]{0,11}$/),
    })
    fc.assert(
      fc.property(cursor, (cursor) => {
        expect(parseCursor(formatCursor(cursor))).toEqual(cursor)
      }),
    )
  })

  test.each([
    '',
    'a',
    '5',
    '-5',
    'a-',
    'a-b',
    'a--5',
    'a-5!!',
    'a-5~',
    'a-5~A',
    'a-5~123456789012',
    'a-5 ',
    ' a-5',
    'a-5\n',
    'ä-5',
    'a_b-5',
    'a-9007199254740992',
    'a-12345678901234567',
    `${'a'.repeat(33)}-5`,
  ])('%j is none of a hub', (text) => {
    expect(parseCursor(text)).toBeUndefined()
  })

  test('no text breaks it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parseCursor(text)?.seq ?? 0).toBeGreaterThanOrEqual(0)
      }),
    )
  })
})

describe('the scope', () => {
  test('is none for one name, whose ids are positions of the whole hub', () => {
    expect(scopeOf(selectorsOf('a'))).toBe('')
  })

  test('is that of the set, in whatever order and however often named', () => {
    expect(scopeOf(selectorsOf(['a', 'b', 'a']))).toBe(scopeOf(selectorsOf(['b', 'a'])))
  })

  test('is another for another set, and for a pattern of the same text', () => {
    const sets = [
      ['a', 'b'],
      ['a', 'c'],
      ['a', 'b', 'c'],
      [pattern('a')],
      [pattern('a'), 'b'],
      ['a', pattern('b')],
      [pattern('a'), pattern('b')],
      ['ab'],
    ]
    const scopes = sets.map((set) => scopeOf(selectorsOf(set)))
    expect(new Set(scopes).size).toBe(sets.length)
    for (const scope of scopes) expect(parseCursor(`e-1~${scope || 'x'}`)).toBeDefined()
  })
})
