import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cutPage, dropOld } from './arrays.js'
import type { History, StoredItem } from './engine.js'

/** Items 10, 20, 30 ... of so many bytes, the newest of now, each so many milliseconds older than the next. */
function itemsOf(sizes: readonly number[], apart = 0): StoredItem[] {
  return sizes.map((size, at) => ({
    seq: (at + 1) * 10,
    prev: at * 10,
    topic: 'a',
    fields: { data: 'é'.repeat(size / 2) },
    at: Date.now() - (sizes.length - 1 - at) * apart,
  }))
}

describe('dropOld()', () => {
  test.each<[string, History, number[]]>([
    ['nothing without limits', {}, [10, 20, 30, 40]],
    ['by number', { size: 2 }, [30, 40]],
    ['by number: all', { size: 0 }, []],
    ['by bytes, not characters', { bytes: 250 }, [30, 40]],
    ['by bytes: an item that is larger by itself', { bytes: 99 }, []],
    ['by age', { age: 250_000 }, [20, 30, 40]],
    ['by whatever says least', { size: 3, bytes: 1000, age: 150_000 }, [30, 40]],
  ])('drops %s', (_, history, left) => {
    const topic = { items: itemsOf([100, 100, 100, 100], 100_000), history }
    expect(dropOld(topic)).toBe(topic)
    expect(topic.items.map(({ seq }) => seq)).toEqual(left)
  })

  test('stops at the first that is kept: a clock that was set back makes no hole', () => {
    const items = itemsOf([2, 2, 2])
    const late = items.map((item, at) => (at === 1 ? { ...item, at: 0 } : item))
    expect(dropOld({ items: late, history: { age: 1000 } }).items).toHaveLength(3)
  })
})

describe('cutPage()', () => {
  const items = itemsOf([100, 100, 100, 100])
  test.each<[string, number, Parameters<typeof cutPage>[3], number[], number]>([
    ['all, and how far the log goes', 0, { limit: 10, bytes: 1e6 }, [10, 20, 30, 40], 45],
    ['what comes after', 20, { limit: 10, bytes: 1e6 }, [30, 40], 45],
    ['up to where it is asked', 0, { limit: 10, bytes: 1e6, upTo: 25 }, [10, 20], 25],
    ['no further than the log', 0, { limit: 10, bytes: 1e6, upTo: 99 }, [10, 20, 30, 40], 45],
    ['so many', 0, { limit: 2, bytes: 1e6 }, [10, 20], 20],
    ['so many bytes', 0, { limit: 10, bytes: 250 }, [10, 20], 20],
    ['one, if it is larger than the page', 10, { limit: 10, bytes: 1 }, [20], 20],
    ['none when none is asked for', 10, { limit: 0, bytes: 0 }, [], 10],
  ])('%s', (_, after, options, seqs, through) => {
    const page = cutPage(items, 45, after, options)
    expect([page.items.map(({ seq }) => seq), page.through]).toEqual([seqs, through])
  })

  test('page by page everything comes once, in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 500 }),
        (sizes, limit, bytes) => {
          const all = itemsOf(sizes)
          const head = sizes.length * 10 + 5
          const seen: number[] = []
          for (let after = 0; after < head;) {
            const page = cutPage(all, head, after, { limit, bytes })
            seen.push(...page.items.map(({ seq }) => seq))
            expect(page.through).toBeGreaterThan(after)
            after = page.through
          }
          expect(seen).toEqual(all.map(({ seq }) => seq))
        },
      ),
    )
  })
})
