import { describe, expect, test } from 'vitest'
import { defineEvents, SseError, SseItem, unchecked } from '../index.js'
import { formatVectors } from '../testing/vectors.js'
import { netFormat } from '../../test/protocol/reference-formatter.js'
import { bytes } from '../../test/protocol/record.js'
import { formatComment, formatItem } from './index.js'

test.each(formatVectors.map((vector) => [vector.name, vector] as const))('%s', (_, { input, output }) => {
  expect(formatItem(input)).toBe(output)
  expect(formatItem(new SseItem(input.data, input))).toBe(output)
})

test('what .NET would write is the same, byte by byte', () => {
  const comparable = formatVectors
    .map(({ input }) => input)
    .filter((input) => typeof input.data === 'string' && input.comment === undefined)
  expect(comparable.length).toBeGreaterThan(15)
  for (const input of comparable) expect(bytes(formatItem(input))).toEqual(netFormat(input as { data: string }))
})

describe('fields', () => {
  test.each<[string, Parameters<typeof formatItem>[0], string]>([
    ['a bigint id', { data: 'a', id: 2n ** 64n }, 'data: a\nid: 18446744073709551616\n\n'],
    ['a negative id', { data: 'a', id: -1 }, 'data: a\nid: -1\n\n'],
    ['a retry of -0', { data: 'a', retry: -0 }, 'data: a\nretry: 0\n\n'],
    ['fields that are undefined', { data: 'a', event: undefined, id: undefined, retry: undefined, comment: undefined }, 'data: a\n\n'],
    ['nothing at all', {}, '\n'],
    ['unknown properties', { data: 'a', foo: 'b\nid: c' } as never, 'data: a\n\n'],
    ['a retry with an id', { id: 1, retry: 2 }, 'id: 1\nretry: 2\n\n'],
  ])('%s', (_, item, text) => {
    expect(formatItem(item)).toBe(text)
    expect(formatItem(new SseItem(item.data, item))).toBe(text)
  })

  const hostile: [string, unknown][] = [
    ...['a\nb', 'a\rb', 'a\r\nb', '\n', 'a\r', 5, null, {}, ['a'], { toString: () => 'a' }, Object.create(null), Symbol('a')].map(
      (value): [string, unknown] => ['event', value],
    ),
    ...[
      'a\nb',
      'a\rb',
      'a\r\nb',
      'a\0b',
      '\0',
      Number.NaN,
      Infinity,
      -Infinity,
      null,
      true,
      {},
      ['a'],
      { toString: () => 'a\nb' },
      Object.create(null),
      Symbol('a'),
      new Date(0),
    ].map((value): [string, unknown] => ['id', value]),
    ...[-1, 1.5, Number.NaN, Infinity, -Infinity, '5', 5n, null, true, {}, [5]].map((value): [string, unknown] => ['retry', value]),
    ...[5, null, {}, ['a'], { toString: () => 'a' }].map((value): [string, unknown] => ['comment', value]),
  ]
  test.each(hostile)('a hostile `%s` throws SSE_INVALID_FIELD that names it: %o', (field, value) => {
    const refused = expect.objectContaining({
      name: 'SseError',
      code: 'SSE_INVALID_FIELD',
      message: expect.stringMatching(new RegExp(`^\`${field}\` must be .+: .+`)),
    })
    expect(() => formatItem({ data: 'x', [field]: value })).toThrow(refused)
    expect(() => new SseItem('x', { [field]: value })).toThrow(refused)
  })

  test('the message shows the value on one line, and not all of a long one', () => {
    const { message } = thrown(() => formatItem({ data: 'x', id: 'a\nb'.repeat(1000) }))
    expect(message).toContain(String.raw`"a\nba\nb`)
    expect(message.length).toBeLessThan(200)
  })

  test('an event without data is refused: readers would dispatch nothing', () => {
    expect(() => formatItem({ event: 'x', id: '1' })).toThrow(/`event` must be .* with data/)
    expect(() => new SseItem(undefined, { event: 'x' })).toThrow(/`event` must be .* with data/)
  })

  test.each(['event', 'id', 'comment', 'data', 'retry'])(
    'a getter that returns something else the second time smuggles nothing in: %s',
    (field) => {
      const good = field === 'retry' ? 5 : 'good'
      for (const bad of ['x\ndata: evil', 'x\rdata: evil', 'x\0']) {
        let reads = 0
        const item = {
          data: 'd',
          get [field]() {
            return reads++ === 0 ? good : bad
          },
        }
        expect(formatItem(item)).toContain(`${good}\n`)
        expect(reads).toBe(1)
      }
    },
  )

  test('a made-up item gets no further than a plain object', () => {
    const forged = Object.assign(Object.create(SseItem.prototype) as object, { data: 'a', event: 'x\ndata: evil' })
    expect(() => formatItem(forged)).toThrow(SseError)
    const proxy = new Proxy(Object.create(SseItem.prototype) as SseItem, {
      get: (target, key) => (key === 'id' ? 'x\nevil' : Reflect.get(target, key)),
    })
    expect(() => formatItem(proxy)).toThrow(/`id`/)
  })
})

describe('JSON', () => {
  const events = defineEvents({ text: unchecked<string>(), any: unchecked<unknown>() })

  test.each<[string, Parameters<typeof formatItem>[0], string]>([
    ['a string of a typed item', events.item('text', 'a\nb'), 'event: text\ndata: "a\\nb"\n\n'],
    ['an empty string of a typed item', events.item('text', '', { id: 1 }), 'event: text\ndata: ""\nid: 1\n\n'],
    ['an object of a typed item', events.item('any', { a: 1 }), 'event: any\ndata: {"a":1}\n\n'],
    ['an array', { data: ['a', 1, null] }, 'data: ["a",1,null]\n\n'],
    ['a date', { data: new Date(0) }, 'data: "1970-01-01T00:00:00.000Z"\n\n'],
    ['what toJSON() returns', { data: { toJSON: () => 'x' } }, 'data: "x"\n\n'],
    ['a String object', { data: new String('x\ny') }, 'data: "x\\ny"\n\n'],
    ['a lone surrogate', { data: ['\uD83D'] }, 'data: ["\\ud83d"]\n\n'],
    ['NaN as null, as JSON does', { data: Number.NaN }, 'data: null\n\n'],
  ])('%s', (_, item, text) => {
    expect(formatItem(item)).toBe(text)
  })

  const circular: { self?: unknown } = {}
  circular.self = circular
  test.each<[string, unknown, RegExp]>([
    ['a function', () => {}, /serialize/],
    ['a symbol', Symbol('x'), /serialize/],
    ['a bigint', 5n, /serialize/],
    ['an object with a bigint', { a: 5n }, /serialize/],
    ['a circular object', circular, /serialize/],
    [
      'what toJSON() throws for',
      {
        toJSON: () => {
          throw new Error('no')
        },
      },
      /serialize/,
    ],
    ['what toJSON() makes undefined', { toJSON: () => undefined }, /serialize/],
    ['bytes', new Uint8Array(2), /parseEventStream|bytes/],
    ['a Buffer', Buffer.from('a'), /parseEventStream|bytes/],
    ['an ArrayBuffer', new ArrayBuffer(2), /parseEventStream|bytes/],
    ['a DataView', new DataView(new ArrayBuffer(2)), /parseEventStream|bytes/],
  ])('%s has none: SSE_INVALID_DATA with the remedy', (_, data, remedy) => {
    for (const item of [{ data }, new SseItem<unknown>(data), events.item('any', data)]) {
      const error = thrown(() => formatItem(item))
      expect(error).toBeInstanceOf(SseError)
      expect(error.code).toBe('SSE_INVALID_DATA')
      expect(error.message).toMatch(remedy)
    }
  })

  test('the error keeps the cause', () => {
    const cause = new Error('no')
    const data = {
      toJSON: () => {
        throw cause
      },
    }
    expect(thrown(() => formatItem({ data })).cause).toBe(cause)
  })

  test('a typed item whose schema makes undefined is refused, not sent as a block without data', () => {
    expect(() => events.item('any', undefined)).toThrow(SseError)
  })

  test('bytes deep inside are what the caller meant', () => {
    expect(formatItem({ data: { a: new Uint8Array([1]) } })).toBe('data: {"a":{"0":1}}\n\n')
  })
})

describe('a serializer', () => {
  test('is given what is not sent as it is', () => {
    const serialize = (data: unknown) => `<${String(data)}>`
    expect(formatItem({ data: 5n }, serialize)).toBe('data: <5>\n\n')
    expect(formatItem({ data: 'as it is' }, serialize)).toBe('data: as it is\n\n')
    expect(formatItem(new SseItem(null, { id: 1 }), serialize)).toBe('data: <null>\nid: 1\n\n')
    expect(formatItem({ id: 1 }, serialize)).toBe('id: 1\n\n')
    expect(formatItem(defineEvents({ a: unchecked<string>() }).item('a', 'x'), serialize)).toBe('event: a\ndata: <x>\n\n')
  })

  test('may send bigint and dates in its own way', () => {
    const serialize = (data: unknown) =>
      JSON.stringify(data, function (this: Record<string, unknown>, key, value: unknown) {
        const own = this[key]
        return typeof own === 'bigint' ? { $bigint: String(own) } : own instanceof Date ? { $date: own.getTime() } : value
      })
    expect(formatItem({ data: { at: new Date(5), n: 2n ** 60n } }, serialize)).toBe(
      'data: {"at":{"$date":5},"n":{"$bigint":"1152921504606846976"}}\n\n',
    )
  })

  test('may write several lines; they stay data', () => {
    expect(formatItem({ data: { a: 1 } }, (data) => JSON.stringify(data, null, 1).replace('\n', '\r'))).toBe(
      'data: {\ndata:  "a": 1\ndata: }\n\n',
    )
  })

  test.each([[undefined], [null], [5], [new Uint8Array(1)], [Promise.resolve('x')], [{ toString: () => 'x' }]])(
    'that returns no string is SSE_INVALID_DATA: %o',
    (result) => {
      expect(() => formatItem({ data: {} }, () => result as never)).toThrow(expect.objectContaining({ code: 'SSE_INVALID_DATA' }))
    },
  )

  test('that throws is SSE_INVALID_DATA with the cause', () => {
    const cause = new RangeError('too deep')
    expect(
      thrown(() =>
        formatItem({ data: {} }, () => {
          throw cause
        }),
      ),
    ).toMatchObject({ code: 'SSE_INVALID_DATA', cause })
  })
})

test.each([
  [undefined, ':\n\n'],
  ['', ':\n\n'],
  ['ping', ': ping\n\n'],
  [' two spaces', ':  two spaces\n\n'],
  ['a\nb\rc\r\nd', ': a\n: b\n: c\n: d\n\n'],
  ['\n', ': \n: \n\n'],
  ['x\n\ndata: evil\n\n', ': x\n: \n: data: evil\n: \n: \n\n'],
  [': \0\uFEFF\u2028', ': : \0\uFEFF\u2028\n\n'],
])('formatComment(%j) writes comment lines only', (text, expected) => {
  expect(formatComment(text)).toBe(expected)
})

test.each([[null], [5], [{}]])('formatComment(%o) throws SSE_INVALID_FIELD', (text) => {
  expect(() => formatComment(text as never)).toThrow(expect.objectContaining({ code: 'SSE_INVALID_FIELD' }))
})

function thrown(run: () => unknown): SseError {
  try {
    run()
  } catch (error) {
    return error as SseError
  }
  throw new Error('nothing was thrown')
}
