import { expect, test } from 'vitest'
import type { StoredItem } from '../engines/engine.js'
import { lostBefore } from './lost.js'

const item = (topic: string, seq: number, prev: number): StoredItem => ({ topic, seq, prev, fields: { data: '' }, at: 0 })

test.each<[string, { trimmed: number; after: number; items: StoredItem[] }, number]>([
  ['is what the engine says was dropped', { trimmed: 3, after: 1, items: [] }, 3],
  [
    'is nothing where each item follows on the one before',
    { trimmed: 0, after: 2, items: [item('a', 3, 1), item('b', 4, 2), item('a', 5, 3)] },
    0,
  ],
  ['is the item before one, if it should be in the page', { trimmed: 0, after: 2, items: [item('a', 5, 3)] }, 3],
  ['is of each topic by itself', { trimmed: 0, after: 2, items: [item('b', 3, 0), item('a', 5, 3)] }, 3],
  ['is the highest of several', { trimmed: 4, after: 2, items: [item('a', 6, 5), item('b', 7, 3)] }, 5],
  ['is also a hole in the middle of a page', { trimmed: 0, after: 0, items: [item('a', 1, 0), item('a', 4, 3)] }, 3],
  ['is no item before the page', { trimmed: 0, after: 7, items: [item('a', 8, 7), item('b', 9, 2)] }, 0],
])('what is lost %s', (_, { trimmed, after, items }, lost) => {
  expect(lostBefore({ epoch: 'e', head: 9, through: 9, items, trimmed }, after)).toBe(lost)
})
