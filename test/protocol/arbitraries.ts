import * as fc from 'fast-check'
import { bytes, cutBySizes, type Chunk } from './record.js'

/** What is hard about text: each of these has broken some formatter or parser. */
export const HOSTILE = /[\r\n\0\uFEFF:\u2028]|^ /

const PIECES = ['\r', '\n', '\r\n', '\0', '\uFEFF', ':', ' ', '\u2028', 'data: x', 'id', 'é', '😀', '\uD83D', 'a', '7', '']

/** Text of which at least half is hostile: a test counts. */
const text = fc.oneof(
  { weight: 3, arbitrary: fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join('')) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme' }) },
)

// Replaced, not removed, so that the share of hostile text stays.
const eventName = text.map((name) => name.replace(/[\r\n]/g, ':'))
const idText = text.map((id) => id.replace(/[\r\n\0]/g, '\u2028'))
const id = fc.oneof({ weight: 4, arbitrary: idText }, fc.integer(), fc.bigInt())
const retry = fc.oneof(fc.nat(), fc.constantFrom(0, 300, Number.MAX_SAFE_INTEGER))

/** An item that .NET accepts, too. */
export const item = fc.record({ data: text, event: eventName, id, retry }, { requiredKeys: ['data'] })

/** Anything that may be written: items, and blocks without data. */
export const block = fc.oneof(
  { weight: 4, arbitrary: fc.record({ data: text, event: eventName, id, retry, comment: text }, { requiredKeys: ['data'] }) },
  { weight: 1, arbitrary: fc.record({ id, retry, comment: text }, { requiredKeys: [] }) },
)

/** Fields that must be refused, each by its name. */
export const hostileFields = fc.oneof(
  fc.record({ event: broken('\r', '\n', '\r\n') }),
  fc.record({ id: broken('\r', '\n', '\r\n', '\0') }),
  fc.record({ retry: fc.oneof(fc.integer({ max: -1 }), fc.double({ min: 0.001, max: 0.999 }), fc.constantFrom(NaN, Infinity)) }),
)

function broken(...breaks: string[]): fc.Arbitrary<string> {
  return fc.tuple(fc.string(), fc.constantFrom(...breaks), fc.string()).map((parts) => parts.join(''))
}

/** Streams that mean little, out of what means something to a parser. */
export const garbage = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom('data', 'event', 'id', 'retry', ':', ' ', '\r', '\n', '\0', '\uFEFF', 'é', '😀', '0', '7', '42'),
      },
      { weight: 3, arbitrary: fc.constantFrom('\n', '\r', '\r\n', '\n\n', '\r\r', '\r\n\r\n', '\n\r') },
      {
        weight: 3,
        arbitrary: fc.constantFrom('data: ', 'data:', 'event: ', 'event:', 'id: ', 'id:', 'retry: ', 'retry:', ': ', '\ndata: ', '\nid: '),
      },
      { weight: 1, arbitrary: fc.constantFrom('DATA: a\n', 'retry: 1x\n', ' data: a\n', 'data : a\n', 'retry: +1\n') },
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          'retry: 99999999999999999999\n',
          'retry: 12\n',
          'id: 1\n\n',
          'event: e\n\n',
          'data: a\n\n',
          'data: a\n',
          'data\n',
        ),
      },
    ),
    { maxLength: 40, size: 'max' },
  )
  .map((pieces) => pieces.join(''))

/** Bytes that are UTF-8 only here and there. */
export const dirtyBytes = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('data: ', 'id: ', '\n', '\r', '\n\n', '\uFEFF', '😀', 'é').map(bytes) },
      {
        weight: 2,
        arbitrary: fc
          .constantFrom([0xff], [0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xef, 0xbb], [0x80], [0xed, 0xa0, 0x80], [0xc0, 0x8a])
          .map((list) => Uint8Array.from(list)),
      },
    ),
    { maxLength: 30 },
  )
  .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])))

export interface Plan {
  readonly mode: 'text' | 'bytes' | 'mixed'
  readonly sizes: readonly number[]
}

export const sizes = fc.oneof(
  fc.constant([1]),
  fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
  fc.constant([1_000_000]),
)
export const plan: fc.Arbitrary<Plan> = fc.record({ mode: fc.constantFrom('text', 'bytes', 'mixed'), sizes })

/** The chunks in which a plan sends a text; empty ones are among them. */
export function chunksOf(whole: string, { mode, sizes }: Plan): Chunk[] {
  if (mode === 'text') return withEmpty(cutBySizes(whole, sizes), '')
  if (mode === 'bytes') return withEmpty(cutBySizes(bytes(whole), sizes), new Uint8Array(0))
  // Whole characters, else a string could not follow bytes. The bytes of them are cut once more.
  return cutBySizes(Array.from(whole), sizes).flatMap((characters, index): Chunk[] => {
    const text = characters.join('')
    return (index + sizes.length) % 2 ? [text] : cutBySizes(bytes(text), [2, 1])
  })
}

function withEmpty(chunks: readonly Chunk[], empty: Chunk): Chunk[] {
  return [empty, ...chunks.slice(0, 2), empty, ...chunks.slice(2), empty]
}
