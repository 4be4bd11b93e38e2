import { stat } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createDeadlines } from './deadlines.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const never = new Promise<never>(() => {})

test('gives what settles in time, and leaves no timer', async () => {
  const within = createDeadlines(100, () => new Error('late'))
  await expect(within(Promise.resolve(1))).resolves.toBe(1)
  await expect(within(Promise.reject(new Error('mine')))).rejects.toThrow('mine')
  expect(vi.getTimerCount()).toBe(0)
})

test('each has its own end, with one timer for all', async () => {
  const within = createDeadlines(100, () => new Error('late'))
  const ended: string[] = []
  const follow = (name: string, work: Promise<unknown>): void =>
    void within(work).catch((error: Error) => ended.push(`${name} ${error.message}`))
  follow('a', never)
  await vi.advanceTimersByTimeAsync(50)
  follow('b', never)
  follow('c', Promise.reject(new Error('failed')))
  expect(vi.getTimerCount()).toBe(1)
  await vi.advanceTimersByTimeAsync(49)
  expect(ended).toEqual(['c failed'])
  await vi.advanceTimersByTimeAsync(2)
  expect(ended).toEqual(['c failed', 'a late'])
  await vi.advanceTimersByTimeAsync(50)
  expect(ended).toEqual(['c failed', 'a late', 'b late'])
  expect(vi.getTimerCount()).toBe(0)
})

test('what settles meanwhile does not put off those that come later', async () => {
  const within = createDeadlines(100, () => new Error('late'))
  let settle = (): void => {}
  const first = within(new Promise<void>((resolve) => (settle = resolve)))
  await vi.advanceTimersByTimeAsync(60)
  const second = within(never).catch((error: Error) => error.message)
  settle()
  await first
  await vi.advanceTimersByTimeAsync(101)
  await expect(second).resolves.toBe('late')
})

test('what settles after its end changes nothing', async () => {
  const within = createDeadlines(100, () => new Error('late'))
  let settle = (): void => {}
  const work = within(new Promise<void>((resolve) => (settle = resolve))).catch((error: Error) => error.message)
  await vi.advanceTimersByTimeAsync(101)
  settle()
  await expect(work).resolves.toBe('late')
  expect(vi.getTimerCount()).toBe(0)
})

test('what comes while the process is busy, or stands still, is not late', async () => {
  vi.useRealTimers()
  const within = createDeadlines(1000, () => new Error('late'))
  // Another thread has it long before it is late, and this one hears of it when its timers have had their turn.
  const [there, missing] = [within(stat(import.meta.filename)), within(never)]
  missing.catch(() => {})
  const end = performance.now() + 2000
  while (performance.now() < end);
  expect((await there).isFile()).toBe(true)
  await expect(missing).rejects.toThrow('late')
})

test('takes a time that timers do not take for a long one', async () => {
  const within = createDeadlines(Infinity, () => new Error('late'))
  const settled = vi.fn<() => void>()
  void within(never).finally(settled)
  await vi.advanceTimersByTimeAsync(2 ** 32)
  expect(settled).not.toHaveBeenCalled()
})
