import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createDrain, type Drain } from './drain.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A drain of so many, and who has been sent away. */
function drainOf(count: number, within: number): { readonly drain: Drain; readonly away: number[]; readonly isDone: () => boolean } {
  const away: number[] = []
  const drain = createDrain(
    Array.from({ length: count }, (_, index) => ({ sendAway: () => void away.push(index) })),
    within,
  )
  let isDone = false
  void drain.done.then(() => (isDone = true))
  return { drain, away, isDone: () => isDone }
}

describe('a drain', () => {
  test.each([10, 1000])('sends %i away evenly over the time, in order, and is done with the last', async (count) => {
    const { away, isDone } = drainOf(count, 4000)
    for (let tenth = 1; tenth <= 10; tenth++) {
      expect(isDone()).toBe(false)
      await vi.advanceTimersByTimeAsync(400)
      // It looks every 50 ms at most.
      expect(away.length).toBeLessThanOrEqual((count * tenth) / 10)
      expect(away.length).toBeGreaterThanOrEqual((count * (tenth - 0.125)) / 10 - 1)
    }
    await vi.advanceTimersByTimeAsync(50)
    expect(away).toEqual(Array.from({ length: count }, (_, index) => index))
    expect(isDone()).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('within no time sends all away at once', async () => {
    const { away, isDone } = drainOf(10, 0)
    await Promise.resolve()
    expect([away.length, isDone(), vi.getTimerCount()]).toEqual([10, true, 0])
  })

  test('that is stopped sends nobody else away', async () => {
    const { drain, away, isDone } = drainOf(10, 1000)
    await vi.advanceTimersByTimeAsync(300)
    const before = away.length
    drain.stop()
    await vi.advanceTimersByTimeAsync(2000)
    expect([before > 0 && before < 5, away.length, isDone()]).toEqual([true, before, true])
  })
})
