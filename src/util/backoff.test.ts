import { expect, test } from 'vitest'
import { backoff } from './backoff.js'

test.each([
  ['the first wait is below min', 1, 1000, 30_000, 1000],
  ['it doubles', 2, 1000, 30_000, 2000],
  ['and doubles', 5, 1000, 30_000, 16_000],
  ['up to max', 6, 1000, 30_000, 30_000],
  ['and never beyond it', 5000, 1000, 30_000, 30_000],
  ['a min above max is the ceiling: a server that says 60 s is heeded', 1, 60_000, 30_000, 60_000],
  ['and stays it', 3, 60_000, 30_000, 60_000],
  ['0 is at once', 1, 0, 30_000, 0],
  ['but no busy loop', 11, 0, 30_000, 1024],
])('%s', (_, attempt, min, max, ceiling) => {
  expect(backoff(attempt, { min, max }, () => 1 - 1e-12)).toBe(Math.max(0, Math.floor(ceiling - 1e-6)))
  expect(backoff(attempt, { min, max }, () => 0)).toBe(0)
})

test('the whole time below the ceiling is used', () => {
  const waits = Array.from({ length: 4000 }, () => backoff(4, { min: 100, max: 30_000 }))
  for (let from = 0; from < 800; from += 100) {
    expect(waits.filter((wait) => wait >= from && wait < from + 100).length).toBeGreaterThan(350)
  }
})
