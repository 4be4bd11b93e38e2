import { runInNewContext } from 'node:vm'
import { describe, expect, test, vi } from 'vitest'
import { bytes, cut, itemsOf, record } from '../../test/protocol/record.js'
import { referenceParse } from '../../test/protocol/reference-parser.js'
import { parseVectors, type ParseVector } from '../testing/vectors.js'
import { createParser, type ReceivedItem } from './index.js'
import { SseItem } from './item.js'

test.each(parseVectors.map((vector) => [vector.name, vector] as const))('%s', (_, { input, output }) => {
  const wholes = typeof input === 'string' ? [input, bytes(input)] : [Uint8Array.from(input)]
  for (const whole of wholes) {
    expect(summary(record([whole]))).toEqual(output)
    expect(summary(record(whole instanceof Uint8Array ? Array.from(whole, (byte) => Uint8Array.of(byte)) : whole.split('')))).toEqual(
      output,
    )
    for (let at = 1; at < whole.length; at++) expect(summary(record(cut(whole, at))), `cut at ${at}`).toEqual(output)
  }
})

function summary(told: ReturnType<typeof record>): ParseVector['output'] {
  const all = (key: string): never[] =>
    told.flatMap((one) => Object.entries(one)).flatMap(([name, value]) => (name === key ? [value as never] : []))
  const [retries, comments] = [all('retry'), all('comment')]
  return {
    items: itemsOf(told).map(({ data, event, lastEventId }) => ({ data, event, lastEventId })),
    lastEventId: all('id').at(-1) ?? '',
    ...(retries.length > 0 && { retries }),
    ...(comments.length > 0 && { comments }),
  }
}

describe('an item', () => {
  test('has the id and retry of its own block, and the last event ID of the stream', () => {
    const [first, second] = parse('id: 1\nretry: 5\nevent: e\ndata: a\n\ndata: b\n\n')
    expect(first).toMatchObject({ data: 'a', event: 'e', id: '1', retry: 5, lastEventId: '1' })
    expect(second).toMatchObject({ data: 'b', event: 'message', id: undefined, retry: undefined, lastEventId: '1' })
  })

  test('does not inherit the fields of a block without data', () => {
    expect(parse('id: 1\nretry: 5\nevent: e\n\ndata: a\n\n')).toMatchObject([
      { event: 'message', id: undefined, retry: undefined, lastEventId: '1' },
    ])
  })

  test('is an SseItem', () => {
    const [item] = parse('data: a\n\n')
    expect(item).toBeInstanceOf(SseItem)
    expect(Object.prototype.toString.call(item)).toBe('[object SseItem]')
  })

  test('is capped in its retry, so that it can be sent on', () => {
    expect(parse('retry: 99999999999999999999999\ndata: a\n\n')[0]?.retry).toBe(Number.MAX_SAFE_INTEGER)
    expect(parse(`retry: ${'9'.repeat(400)}\ndata: a\n\n`)[0]?.retry).toBe(Number.MAX_SAFE_INTEGER)
  })
})

describe('callbacks', () => {
  test('come in the order of the stream, the id before its item', () => {
    expect(record(['retry: 1\n: c\nid: 7\ndata: a\n\nid: 8\n\n']).map((one) => Object.keys(one)[0])).toEqual([
      'retry',
      'comment',
      'id',
      'item',
      'id',
    ])
  })

  test('are told an empty id, and an id that has not changed', () => {
    expect(record(['id: 1\n\nid: 1\n\nid\n\n'])).toEqual([{ id: '1' }, { id: '1' }, { id: '' }])
  })

  test('are not told the id of a block that is cut off', () => {
    expect(record(['id: 1\ndata: a\n'])).toEqual([])
    expect(record(['id: 1\ndata: a\n', ''])).toEqual([])
  })

  test('may all be missing or undefined', () => {
    const parser = createParser({
      onItem: () => {},
      onId: undefined,
      onRetry: undefined,
      onComment: undefined,
      lastEventId: undefined,
      maxBufferSize: undefined,
    })
    expect(() => parser.feed(': c\nid: 1\nretry: 1\ndata: a\n\n')).not.toThrow()
  })
})

describe('line ends', () => {
  test.each<[string, (string | Uint8Array)[]]>([
    ['a string', ['data: a\r\r']],
    ['bytes', [bytes('data: a\r\r')]],
    ['two strings', ['data: a\r', '\r']],
    ['a string and bytes', ['data: a\r', bytes('\r')]],
    ['CRLF and CR', ['data: a\r\n\r']],
  ])('a lone CR at the end of %s dispatches at once', (_, chunks) => {
    const onItem = vi.fn<(item: ReceivedItem) => void>()
    const parser = createParser({ onItem })
    for (const chunk of chunks) parser.feed(chunk)
    expect(onItem).toHaveBeenCalledOnce()
  })

  test.each<[string, (string | Uint8Array)[], number]>([
    ['LF in the next string belongs to the CR before it', ['data: a\r', '\ndata: b\r\n', '\r\n'], 1],
    ['LF in the next bytes belongs to the CR before it', [bytes('data: a\r'), bytes('\ndata: b\r'), bytes('\n\r\n')], 1],
    ['LF belongs to the CR before an empty chunk', ['data: a\r', '', new Uint8Array(0), '\ndata: b\n', '\n'], 1],
    ['LF after CR LF is a blank line', ['data: a\r', '\n', '\n'], 1],
    ['LF after CR and something else is a line end of its own', ['data: a\r', ':', '\n', '\n'], 1],
    ['LF long after CR is not skipped', ['data: a\r', bytes('x'), '\n', bytes('\n')], 1],
    ['CR after CR is a blank line', ['data: a\r', '\r', 'data: b\r', '\r'], 2],
  ])('%s', (_, chunks, count) => {
    expect(record(chunks).filter((one) => 'item' in one)).toHaveLength(count)
    // Together with what follows, the text decides, not its chunks.
    const text = chunks.map((chunk) => (typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk))).join('')
    expect(record([text])).toEqual(record(chunks))
  })
})

describe('chunks', () => {
  test('may be strings and bytes in turn, in mid-line', () => {
    expect(parse('da', bytes('ta: é'), 'b', bytes('c'), bytes('\n'), '\n')).toMatchObject([{ data: 'ébc' }])
  })

  test('may be empty, in mid-character too', () => {
    const [first, second] = cut(bytes('data: 😀\n\n'), 8)
    expect(parse('', first!, '', new Uint8Array(0), second!)).toMatchObject([{ data: '😀' }])
  })

  test('may be Buffers and parts of larger buffers, and are not kept', () => {
    const whole = Buffer.from('data: é😀')
    for (const make of [(part: Buffer) => Buffer.from(part), (part: Buffer) => Uint8Array.from(part)]) {
      for (let at = 1; at < whole.length; at++) {
        const [first, rest] = [make(whole.subarray(0, at)), whole.subarray(at)]
        const got: ReceivedItem[] = []
        const parser = createParser({ onItem: (item) => got.push(item) })
        parser.feed(first)
        first.fill(0)
        parser.feed(rest)
        parser.feed(new Uint8Array(bytes('..b\n\n..').buffer, 2, 3))
        expect(got, `cut at ${at}`).toMatchObject([{ data: 'é😀b' }])
      }
    }
  })

  test('may be bytes of another realm, as in a jsdom test', () => {
    expect(parse(runInNewContext('Uint8Array.from([100, 97, 116, 97, 58, 97, 10, 10])') as Uint8Array)).toMatchObject([{ data: 'a' }])
  })

  test.each([[null], [undefined], [42], [{}], [['data: a']]])('%o is none: TypeError', (chunk) => {
    expect(() => createParser({ onItem: () => {} }).feed(chunk as never)).toThrow(TypeError)
  })

  // As a chunk that is one item: the parser has a way of its own with these.
  test.each([
    'data: a\n\n',
    'data:a\n\n',
    'data:  a\n\n',
    'data: \n\n',
    'data:\n\n',
    'data\n\n',
    'datas: a\n\n',
    'data a\n\n',
    'Data: a\n\n',
    'data: a\r\n\n',
    'data: a\rdata: b\n\n',
    'data: a\n\r',
    'data: a\n',
    'data: a\nx',
    'data: a\ndata: b\n\n',
    'data: é\n\n',
  ])('%j alone after whole items is read as the standard says', (chunk) => {
    for (const before of ['data: 0\n\n', 'id: 1\ndata: 0\n\n', 'data: 0\n']) {
      const chunks = [before, chunk, '\ndata: c\n\n']
      expect(record(chunks)).toEqual(referenceParse(chunks.join('')))
      expect(record(chunks.map(bytes))).toEqual(referenceParse(chunks.join('')))
    }
  })

  test('in lone surrogates are kept as strings', () => {
    expect(parse('data: \uD83D', '\uDE00 \uDE00\n\n')).toMatchObject([{ data: '😀 \uDE00' }])
  })

  test('of a BOM may be cut anywhere, and come as strings or bytes', () => {
    const [one, two, three] = [Uint8Array.of(0xef), Uint8Array.of(0xbb), Uint8Array.of(0xbf)]
    expect(parse(one, two, three, 'data: a\n\n')).toHaveLength(1)
    expect(parse(one, two, three, bytes('data: a\n\n'))).toHaveLength(1)
    expect(parse('\uFEFF', 'data: a\n\n')).toHaveLength(1)
    expect(parse('', '\uFEFF', bytes('\uFEFFdata: a\n\n'))).toHaveLength(0)
    expect(parse('\uFEFF', '\uFEFFdata: a\n\n')).toHaveLength(0)
  })
})

describe('end() and reset()', () => {
  test('end() discards what is unfinished, keeps the last event ID, and lets a new stream begin', () => {
    const got: ReceivedItem[] = []
    const parser = createParser({ onItem: (item) => got.push(item) })
    parser.feed('id: 1\ndata: a\n\nid: 2\nevent: e\ndata: lost\nda')
    parser.end()
    parser.feed('\uFEFFdata: b\n\n')
    expect(got).toMatchObject([{ data: 'a' }, { data: 'b', event: 'message', id: undefined, lastEventId: '1' }])
  })

  test.each<[string, string | Uint8Array]>([
    ['a CR', 'data: a\r'],
    ['half a character', bytes('data: é').subarray(0, 7)],
    ['half a line', 'data: x'],
    ['data', 'data: x\ndata: y\n'],
  ])('end() after %s leaves nothing behind', (_, chunk) => {
    for (const next of ['data: b\n\n', '\ndata: b\n\n', bytes('data: b\n\n')]) {
      const onItem = vi.fn<(item: ReceivedItem) => void>()
      const parser = createParser({ onItem })
      parser.feed(chunk)
      parser.end()
      parser.feed(next)
      expect(onItem.mock.calls).toMatchObject([[{ data: 'b' }]])
    }
  })

  test('reset() goes back to the first last event ID', () => {
    const got: ReceivedItem[] = []
    const parser = createParser({ onItem: (item) => got.push(item), lastEventId: '0' })
    parser.feed('data: a\n\nid: 1\ndata: b\n\ndata: lost\n')
    parser.reset()
    parser.feed('\uFEFFdata: c\n\n')
    expect(got.map(({ data, lastEventId }) => [data, lastEventId])).toEqual([
      ['a', '0'],
      ['b', '1'],
      ['c', '0'],
    ])
  })
})

test.each<[string, object]>([
  ['onItem', {}],
  ['onItem', { onItem: null }],
  ['onId', { onItem() {}, onId: 'x' }],
  ['onRetry', { onItem() {}, onRetry: 1 }],
  ['onComment', { onItem() {}, onComment: {} }],
  ['lastEventId', { onItem() {}, lastEventId: 5 }],
  ['lastEventId', { onItem() {}, lastEventId: null }],
  ...[0, -1, Number.NaN, '5', null].map((maxBufferSize): [string, object] => ['maxBufferSize', { onItem() {}, maxBufferSize }]),
])('the wrong type of `%s` is a TypeError that names it: %o', (name, options) => {
  expect(() => createParser(options as never)).toThrow(TypeError)
  expect(() => createParser(options as never)).toThrow(`\`${name}\``)
})

test('options that are missing are a TypeError', () => {
  expect(() => createParser(undefined as never)).toThrow(TypeError)
})

function parse(...chunks: (string | Uint8Array)[]): ReceivedItem[] {
  const items: ReceivedItem[] = []
  const parser = createParser({ onItem: (item) => items.push(item) })
  for (const chunk of chunks) parser.feed(chunk)
  parser.end()
  return items
}
