import { expect, test, vi } from 'vitest'
import type { Passed, StoredItem } from './engine.js'
import { createWatchers } from './watchers.js'

type OnItems = (items: readonly StoredItem[], through: number) => void

const item = (seq: number): StoredItem => ({ seq, prev: 0, topic: 'a', fields: { data: '' }, at: 0 })

test('everybody who watches is told, in the order of their coming, until they stop', () => {
  const { watch, tell, reset } = createWatchers()
  const told: unknown[] = []
  const stop = watch(
    (items, through) => told.push(['one', items.length, through]),
    (epoch) => told.push(['one', epoch]),
  )
  watch(
    (items, through) => told.push(['two', items.length, through]),
    (epoch) => told.push(['two', epoch]),
  )
  tell([item(1), item(2)])
  stop()
  stop()
  tell([], 7)
  reset('e2')
  expect(told).toEqual([
    ['one', 2, 2],
    ['two', 2, 2],
    ['two', 0, 7],
    ['two', 'e2'],
  ])
})

test('who watches twice is told twice, and stops once at a time', () => {
  const watchers = createWatchers()
  const onItems = vi.fn<OnItems>()
  const stop = watchers.watch(onItems, () => {})
  watchers.watch(onItems, () => {})
  expect(watchers.count).toBe(2)
  stop()
  watchers.tell([item(1)])
  expect(onItems).toHaveBeenCalledTimes(1)
  watchers.clear()
  expect(watchers.count).toBe(0)
})

test('what was passed reaches those who ask for it; the others hear how far the log goes', () => {
  const { watch, pass } = createWatchers()
  const [plain, onItems, onPassed] = [vi.fn<OnItems>(), vi.fn<OnItems>(), vi.fn<(items: readonly Passed[]) => void>()]
  watch(plain, () => {})
  watch(onItems, () => {}, onPassed)
  const places = [{ seq: 3, prev: 1, topic: 'a' }]
  pass(places)
  expect(plain).toHaveBeenCalledExactlyOnceWith([], 3)
  expect(onPassed).toHaveBeenCalledExactlyOnceWith(places)
  expect(onItems).not.toHaveBeenCalled()
})

test('one that throws keeps nobody from being told, and is written to the console', () => {
  const { watch, tell } = createWatchers()
  const error = vi.spyOn(console, 'error').mockImplementation(() => {})
  const problem = new Error('mine')
  watch(
    () => {
      throw problem
    },
    () => {},
  )
  const onItems = vi.fn<OnItems>()
  watch(onItems, () => {})
  tell([item(1)])
  expect(onItems).toHaveBeenCalled()
  expect(error).toHaveBeenCalledExactlyOnceWith(problem)
  error.mockRestore()
})
