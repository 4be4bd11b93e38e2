import { describe, expect, test, vi } from 'vitest'
import * as ours from '../index.js'
import { SseItem } from '../index.js'
import { createParser, formatItem, type ReceivedItem } from './index.js'

describe('an item', () => {
  test('has its fields, the id as text', () => {
    expect(new SseItem('a', { event: 'e', id: 5n, retry: 1, comment: 'c' })).toMatchObject({
      data: 'a',
      event: 'e',
      id: '5',
      retry: 1,
      comment: 'c',
    })
    expect(new SseItem('a', { id: 0 }).id).toBe('0')
  })

  test('has the event message and nothing else by default', () => {
    for (const fields of [undefined, {}, { event: undefined, id: undefined, retry: undefined, comment: undefined }]) {
      expect(JSON.stringify(new SseItem('a', fields))).toBe('{"data":"a","event":"message"}')
    }
  })

  test.each(['data', 'event', 'id', 'retry', 'comment', 'more'])('can not be changed: %s', (key) => {
    const item = new SseItem('a', { event: 'e', id: '1', retry: 1, comment: 'c' })
    expect(Object.isFrozen(item)).toBe(true)
    expect(() => Object.assign(item, { [key]: 'x\n' })).toThrow(TypeError)
    expect(formatItem(item)).toBe(': c\nevent: e\ndata: a\nid: 1\nretry: 1\n\n')
  })

  test('of defineEvents can not be changed either', () => {
    expect(Object.isFrozen(ours.defineEvents({ a: ours.unchecked<number>() }).item('a', 1))).toBe(true)
  })

  test('says what it is', () => {
    expect(Object.prototype.toString.call(new SseItem(1))).toBe('[object SseItem]')
    expect(new SseItem(1)[Symbol.toStringTag]).toBe('SseItem')
  })

  test('may be extended', () => {
    class Priced extends SseItem<string> {
      readonly currency: string
      constructor(price: string, currency: string) {
        super(price, { event: 'price' })
        this.currency = currency
      }
    }
    const item = new Priced('5', 'EUR')
    expect(item.currency).toBe('EUR')
    expect(item).toBeInstanceOf(SseItem)
    expect(formatItem(item)).toBe('event: price\ndata: 5\n\n')
  })

  test('keeps an event that was given as the default one', () => {
    expect(formatItem(new SseItem('a', { event: 'message' }))).toBe('event: message\ndata: a\n\n')
    expect(formatItem(new SseItem('a'))).toBe('data: a\n\n')
  })
})

describe('two copies of the package', async () => {
  vi.resetModules()
  const theirs = await import('../index.js')

  test('are two', () => {
    expect(theirs.SseItem).not.toBe(ours.SseItem)
    expect(new theirs.SseItem(1).constructor).not.toBe(ours.SseItem)
  })

  test.each<[string, () => SseItem, string]>([
    ['an item', () => new theirs.SseItem('a', { event: 'e', id: 1 }), 'event: e\ndata: a\nid: 1\n\n'],
    ['an item without an event', () => new theirs.SseItem('a'), 'data: a\n\n'],
    ['an item with the event message', () => new theirs.SseItem('a', { event: 'message' }), 'event: message\ndata: a\n\n'],
    ['a typed item', () => theirs.defineEvents({ e: theirs.unchecked<string>() }).item('e', 'a'), 'event: e\ndata: "a"\n\n'],
    ['a block without data', () => new theirs.SseItem(undefined, { id: 1 }), 'id: 1\n\n'],
  ])('understand %s of each other', (_, make, text) => {
    expect(make()).toBeInstanceOf(ours.SseItem)
    expect(formatItem(make())).toBe(text)
  })
})

test.each([[null], [undefined], [5], ['x'], [{ data: 'a', event: 'b' }], [() => {}], [[]]])('%o is no item', (value) => {
  expect(value instanceof SseItem).toBe(false)
})

test('a received item is written as it came: a relay', () => {
  const text = 'event: e\ndata: a\ndata: b\nid: 1\nretry: 5\n\ndata: c\n\nevent: e\ndata: \nid: \n\n'
  const received: ReceivedItem[] = []
  createParser({ onItem: (item) => received.push(item) }).feed(text)
  expect(received.map((item) => formatItem(item)).join('')).toBe(text)
})
