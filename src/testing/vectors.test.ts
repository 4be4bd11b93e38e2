import { expect, test } from 'vitest'
import { createParser, formatItem } from '../protocol/index.js'
import { formatVectors, parseVectors } from './vectors.js'

// That ours passes them at any chunking is in protocol/format.test.ts and protocol/parse.test.ts. This is how anybody would use them.

test.each(formatVectors)('a formatter $name', ({ input, output }) => {
  expect(formatItem(input)).toBe(output)
})

test.each(parseVectors)('a parser $name', ({ input, output }) => {
  const items: object[] = []
  const parser = createParser({ onItem: ({ data, event, lastEventId }) => items.push({ data, event, lastEventId }) })
  parser.feed(typeof input === 'string' ? input : Uint8Array.from(input))
  parser.end()
  expect(items).toEqual(output.items)
})

test.each([
  ['formatVectors', formatVectors],
  ['parseVectors', parseVectors],
])('%s are plain JSON, for other languages, and have a name each', (_, vectors) => {
  expect(JSON.parse(JSON.stringify(vectors))).toEqual(vectors)
  expect(new Set(vectors.map((vector) => vector.name)).size).toBe(vectors.length)
  expect(vectors.length).toBeGreaterThan(25)
})
