import { expect, test } from 'vitest'
import { cases, checksumOf, chunksOf, frameOf, itemsOf, type Case } from '../bench/inputs.mjs'
import { itemsOf as toldItems } from './protocol/record.js'
import { referenceParse } from './protocol/reference-parser.js'

// A benchmark is worth what its inputs are. That every contender delivers all of them, each run of it checks itself.

type ParseCase = Case & { readonly job: 'parse' }
const parseCases = cases.filter((of): of is ParseCase => of.job === 'parse')

test('every size is measured in every way', () => {
  expect(parseCases).toHaveLength(24)
  expect(cases).toHaveLength(30)
})

test.each(cases.filter(({ job }) => job === 'format'))('items of $size bytes, $shape, are as large as they say and all different', (of) => {
  const items = itemsOf(of)
  expect(new Set(items.map(({ data }) => data)).size).toBe(items.length)
  for (const { data, event, id } of items) {
    expect(data).toMatch(/^[ -~]*$/)
    expect([data.length, event !== undefined, id !== undefined]).toEqual([of.size, of.shape !== 'data', of.shape !== 'data'])
  }
})

test.each(parseCases)('$fed in chunks of $chunks, $shape, $size bytes: the chunks hold the items, whole', (of) => {
  const items = itemsOf(of)
  const chunks = chunksOf(of)
  expect(chunks.every((chunk) => typeof chunk === (of.fed === 'text' ? 'string' : 'object'))).toBe(true)
  const sizes = of.chunks === 'one item' ? items.map((item) => frameOf(item).length) : chunks.slice(0, -1).map(() => 16_384)
  expect(chunks.map(({ length }) => length).slice(0, sizes.length)).toEqual(sizes)

  const text = chunks.map((chunk) => (typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk))).join('')
  expect(text).toBe(items.map(frameOf).join(''))
  const some = items.slice(0, 100)
  const read = toldItems(referenceParse(some.map(frameOf).join('')))
  expect(read.map(({ data, event }) => ({ data, event }))).toEqual(some.map(({ data, event = 'message' }) => ({ data, event })))
})

test('a checksum tells items that differ in one field, in their number or in their order', () => {
  const items = itemsOf({ shape: 'event+data+id', size: 30 }).slice(0, 3)
  const [first, second, third] = items as [(typeof items)[0], (typeof items)[0], (typeof items)[0]]
  const others = [
    [first, second],
    [second, first, third],
    [first, second, { ...third, data: third.data + ' ' }],
    [first, second, { ...third, event: 'tock' }],
    [first, second, { ...third, id: '3' }],
    [first, second, { data: third.data }],
  ]
  expect(new Set([items, ...others].map(checksumOf)).size).toBe(others.length + 1)
})
