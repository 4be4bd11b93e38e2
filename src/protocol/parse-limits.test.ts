import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chunksOf, garbage, plan } from '../../test/protocol/arbitraries.js'
import { bytes, record, type Told } from '../../test/protocol/record.js'
import { SseError } from '../errors.js'
import { createParser } from './index.js'

// Tiny limits, so that they are met at every place.

test.each<[string, number, string]>([
  ['a line that never ends', 20, 'data: ' + 'x'.repeat(30)],
  ['a comment that never ends', 20, ':' + 'x'.repeat(30)],
  ['endless short data lines', 20, 'data: a\n'.repeat(30)],
  ['endless data lines without a colon', 20, 'data\n'.repeat(30)],
  ['endless empty data lines', 20, 'data:\n'.repeat(30)],
  ['endless lines that end at CR', 20, 'data: a\r'.repeat(30)],
  ['a whole line that is too long, in one chunk with its end', 20, `data: ${'x'.repeat(30)}\n\n`],
  ['a long id', 20, `id: ${'x'.repeat(30)}\n\n`],
  ['a long line after data', 20, 'data: 0123456789\nid: 0123456789\n\n'],
])('%s ends in SSE_BUFFER_LIMIT, after the items before it', (_, maxBufferSize, text) => {
  const before = 'data: ok\n\n'
  for (const chunks of chunkings(before + text)) {
    expect(record(chunks, { maxBufferSize })).toEqual([...record([before]), { error: 'SSE_BUFFER_LIMIT' }])
  }
})

test.each<[string, number, string]>([
  ['a line of just the limit', 20, `data: ${'x'.repeat(14)}\n\n`],
  ['an unfinished line of just the limit', 20, `data: ${'x'.repeat(14)}`],
  ['a first line of just the limit after a BOM', 20, `\uFEFFdata: ${'x'.repeat(14)}\n\n`],
  ['many items below it', 20, 'data: 0123456789\n\n'.repeat(100)],
  ['many comments below it', 20, ': 0123456789\n'.repeat(100)],
  ['many blocks with an id only', 20, 'id: 0123456789\n\n'.repeat(100)],
  ['many event, id and retry lines in one block', 20, 'event: a\nid: b\nretry: 1\n'.repeat(100)],
  ['data and a line of just the limit together', 20, `data: 0123456789\n${':'.repeat(10)}\n\n`],
  ['characters of three bytes, counted as one each', 20, `data: ${'日'.repeat(14)}\n\n`],
  ['characters of four bytes, counted as two each', 20, `data: ${'😀'.repeat(7)}\n\n`],
])('%s is no more than it may be', (_, maxBufferSize, text) => {
  for (const chunks of chunkings(text)) expect(record(chunks, { maxBufferSize })).toEqual(record([text]))
})

test.each([
  ['日', 15],
  ['😀', 8],
  ['é', 15],
  ['\uFEFF', 15],
])('%s is counted in characters, in bytes as in strings', (character, count) => {
  for (const chunks of chunkings(`data: ${character.repeat(count)}`))
    expect(record(chunks, { maxBufferSize: 20 })).toEqual([{ error: 'SSE_BUFFER_LIMIT' }])
})

test('any stream has the same end at any chunking and any limit', () => {
  let [errors, whole] = [0, 0]
  fc.assert(
    fc.property(garbage, plan, fc.integer({ min: 1, max: 40 }), (text, plan, maxBufferSize) => {
      const expected = withLimit(text, maxBufferSize)
      if (expected.some((one) => 'error' in one)) errors++
      else whole++
      expect(record(chunksOf(text, plan), { maxBufferSize })).toEqual(expected)
    }),
    { numRuns: 1000 },
  )
  expect(errors).toBeGreaterThan(100)
  expect(whole).toBeGreaterThan(100)
})

describe('after the error', () => {
  test('feed() throws again, whatever comes; end() is no help', () => {
    const parser = createParser({ onItem: () => {}, maxBufferSize: 10 })
    for (const chunk of ['data: 0123456789', 'a', '\n', bytes('\n'), bytes('x'), 'data: b\n\n'])
      expect(() => parser.feed(chunk)).toThrow(SseError)
    parser.end()
    expect(() => parser.feed('\n')).toThrow(expect.objectContaining({ code: 'SSE_BUFFER_LIMIT' }))
  })

  test('reset() begins anew', () => {
    const told: unknown[] = []
    const parser = createParser({ onItem: ({ data, event, lastEventId }) => told.push({ data, event, lastEventId }), maxBufferSize: 10 })
    parser.feed('id: 1\n\n')
    expect(() => parser.feed('event: e\ndata: x\ndata: 0123456789')).toThrow(SseError)
    parser.reset()
    parser.feed('data: b\n\n')
    expect(told).toEqual([{ data: 'b', event: 'message', lastEventId: '' }])
  })

  test('the message names the option and its value', () => {
    expect(() => createParser({ onItem: () => {}, maxBufferSize: 10 }).feed('0123456789a')).toThrow(/`maxBufferSize` \(10\)/)
  })
})

test('without a limit of its own a parser takes 16 Mi characters, not one more', () => {
  const line = 'x'.repeat(16_777_216)
  expect(record([line, '\n'])).toEqual([])
  expect(record([line, 'x'])).toEqual([{ error: 'SSE_BUFFER_LIMIT' }])
  expect(record([bytes(line), bytes('x')])).toEqual([{ error: 'SSE_BUFFER_LIMIT' }])
})

test('Infinity is no limit', () => {
  expect(record(['x'.repeat(17_000_000)], { maxBufferSize: Infinity })).toEqual([])
})

function chunkings(text: string) {
  return [
    [text],
    text.split(''),
    [bytes(text)],
    Array.from(bytes(text), (byte) => Uint8Array.of(byte)),
    text.match(/[^]{1,7}/gu)!,
    text.split(/(?<=[\r\n])/),
    // An item each.
    text.split(/(?<=\n\n)/),
  ]
}

/** What the limit means, told line by line: a line must fit in what the data before it left. */
function withLimit(text: string, limit: number): (Told | { error: string })[] {
  const body = text.replace(/^\uFEFF/, '')
  let held: string[] = []
  let end = 0
  for (const [line] of body.matchAll(/[^\r\n]*(\r\n|\r|\n|$)/g)) {
    const content = line.replace(/[\r\n]+$/, '')
    if (content.length > limit - held.join('\n').length)
      return [...(record([text.slice(0, text.length - body.length + end)]) as Told[]), { error: 'SSE_BUFFER_LIMIT' }]
    end += line.length
    if (content === '') held = []
    else if (/^data(:|$)/.test(content)) held.push(content.slice(5).replace(/^ /, ''))
  }
  return record([text]) as Told[]
}
