import { describe, expect, test } from 'vitest'
import { isAtOrBefore } from './resume.js'

describe('an ID is at or before another', () => {
  test.each([
    ['5', '5'],
    ['4', '5'],
    ['0', '5'],
    ['9', '10'],
    ['99999999999999999998', '99999999999999999999'],
    ['9', '99999999999999999999'],
    ['k3x-7', 'k3x-8'],
    ['k3x-9', 'k3x-10'],
    ['a-b-1', 'a-b-2'],
    ['k3x-7~s1', 'k3x-8~s1'],
    ['-1', '-2'],
    ['any text', 'any text'],
    ['07', '07'],
  ])('%s is, of %s', (id, other) => expect(isAtOrBefore(id, other)).toBe(true))
})

describe('of anything else nothing is known', () => {
  test.each([
    ['6', '5'],
    ['10', '9'],
    ['', '5'],
    ['5', ''],
    ['05', '6'],
    ['5', '06'],
    ['1.5', '2'],
    ['1e3', '2000'],
    ['k3x-7', 'q4z-8'],
    ['k3x-7', '8'],
    ['7', 'k3x-8'],
    ['k3x-7~s1', 'k3x-8~s2'],
    ['k3x-7', 'k3x-8~s1'],
    ['a', 'b'],
    ['550e8400-e29b-41d4-a716-446655440000', '550e8400-e29b-41d4-a716-44665544000f'],
    ['1526919030474-55', '1526919030475-0'],
    ['５', '６'],
  ])('%s, of %s', (id, other) => expect(isAtOrBefore(id, other)).toBe(false))
})
