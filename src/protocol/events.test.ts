import { describe, expect, test, vi } from 'vitest'
import { defineEvents, SseError, SseItem, unchecked, type StandardSchema } from '../index.js'
import { formatItem } from './index.js'

/** A small Standard Schema: what `check` returns is the output, what it throws the issue. */
function schema<I, O = I>(check: (value: I) => O, path?: readonly unknown[]): StandardSchema<I, O> {
  const validate = (value: unknown) => {
    try {
      return { value: check(value as I) }
    } catch (error) {
      return { issues: [{ message: (error as Error).message, ...(path && { path }) }] }
    }
  }
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

const digits = schema((text: string) => {
  if (!/^\d+$/.test(text)) throw new Error('only digits')
  return Number(text)
})

describe('item()', () => {
  const events = defineEvents({ count: digits, note: unchecked<string>(), '': unchecked<null>() })

  test('makes an SseItem of the output, with its event and fields', () => {
    const item = events.item('count', '42', { id: 7, retry: 5, comment: 'c' })
    expect(item).toBeInstanceOf(SseItem)
    expect(item).toMatchObject({ data: 42, event: 'count', id: '7', retry: 5, comment: 'c' })
    expect(Object.isFrozen(item)).toBe(true)
    expect(formatItem(item)).toBe(': c\nevent: count\ndata: 42\nid: 7\nretry: 5\n\n')
  })

  test('is sent as JSON, strings included', () => {
    expect(formatItem(events.item('note', 'a\nb'))).toBe('event: note\ndata: "a\\nb"\n\n')
  })

  test('may have an empty name', () => {
    expect(formatItem(events.item('', null))).toBe('event: \ndata: null\n\n')
  })

  test('can not take another event from its fields', () => {
    expect(events.item('note', 'a', { event: 'count' } as never).event).toBe('note')
  })

  test.each(['nope', 'gap', 'toString', '__proto__', 'constructor'])('refuses an event that is none of the map: %s', (name) => {
    const make = () => events.item(name as never, 'x' as never)
    expect(make).toThrow(expect.objectContaining({ name: 'SseError', code: 'SSE_UNKNOWN_EVENT' }))
    expect(make).toThrow(new RegExp(`"${name}".*count, note`))
  })

  test('refuses data that the schema refuses, in its words', () => {
    expect(() => events.item('count', 'x')).toThrow(
      expect.objectContaining({ code: 'SSE_INVALID_DATA', message: 'Invalid data for `count`: only digits' }),
    )
  })

  test.each<[string, readonly unknown[], string]>([
    ['keys', ['user', 'name'], 'user.name: bad'],
    ['indexes', ['list', 0], 'list.0: bad'],
    ['path segments', [{ key: 'a' }, { key: 1 }], 'a.1: bad'],
    ['symbols', [Symbol('s')], 'Symbol(s): bad'],
    ['nothing', [], 'bad'],
  ])('names the place in the data: %s', (_, path, words) => {
    const failing = schema((): never => {
      throw new Error('bad')
    }, path)
    expect(() => defineEvents({ e: failing }).item('e', 1)).toThrow(new SseError('SSE_INVALID_DATA', `Invalid data for \`e\`: ${words}`))
  })

  test('tells all issues, and keeps them as the cause', () => {
    const issues = [{ message: 'one', path: ['a'] }, { message: 'two' }]
    const failing: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues }) } }
    expect(() => defineEvents({ e: failing }).item('e', 1)).toThrow(
      expect.objectContaining({ message: 'Invalid data for `e`: a: one; two', cause: issues }),
    )
  })

  test.each(['id', 'retry', 'comment'])('refuses a hostile `%s`', (field) => {
    expect(() => events.item('note', 'a', { [field]: {} })).toThrow(new RegExp(`\`${field}\``))
  })

  test('refuses an asynchronous schema, whose rejection is nobody else’s business', async () => {
    const unhandled = vi.fn<() => void>()
    process.on('unhandledRejection', unhandled)
    const later: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error('late')) } }
    expect(() => defineEvents({ e: later }).item('e', 1)).toThrow(TypeError)
    expect(() => defineEvents({ e: later }).item('e', 1)).toThrow(/`e` is asynchronous/)
    await new Promise((resolve) => setTimeout(resolve, 10))
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  test('a schema that gives undefined is SSE_INVALID_DATA or SSE_INVALID_FIELD, never a block without data', () => {
    expect(() => formatItem(defineEvents({ e: unchecked<undefined>() }).item('e', undefined))).toThrow(SseError)
  })
})

describe('defineEvents', () => {
  test('knows a name from the prototype, too', () => {
    const events = defineEvents({ toString: digits, a: digits })
    expect(formatItem(events.item('toString', '1'))).toBe('event: toString\ndata: 1\n\n')
  })

  test('reserves `gap`', () => {
    expect(() => defineEvents({ gap: digits } as never)).toThrow(/`gap` is reserved/)
  })

  test.each(['a\nb', 'a\rb'])('refuses a name that can not be sent: %j', (name) => {
    expect(() => defineEvents({ [name]: digits })).toThrow(expect.objectContaining({ code: 'SSE_INVALID_FIELD' }))
  })

  test.each([[undefined], [null], [{}], ['string'], [{ '~standard': {} }], [{ '~standard': { validate: true } }]])(
    'names what is no schema: %o',
    (value) => {
      expect(() => defineEvents({ bad: value } as never)).toThrow(TypeError)
      expect(() => defineEvents({ bad: value } as never)).toThrow(/`bad` must have a Standard Schema/)
    },
  )

  test('takes schemas that are functions, as arktype’s are', () => {
    const type = Object.assign(() => {}, digits)
    expect(defineEvents({ a: type }).item('a', '1').data).toBe(1)
  })
})
