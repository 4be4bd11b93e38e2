import { check, read, same, type Bench } from './bench.js'

const TEXTS: readonly (readonly [string, string])[] = [
  ['the empty text', ''],
  ['spaces', '  '],
  ['line breaks', '\na\r\nb\rc\n\n'],
  ['NUL and controls', 'a\0b\x01\x1f\x7f\x85'],
  ['many alphabets', 'žluťoučký Ωμέγα 日本語 עברית \u200f'],
  ['emoji', '👩‍🚀🏳️‍🌈'],
  ['a byte order mark', '\ufeffa\ufeff'],
  ['U+FFFD, U+FFFE and U+FFFF', '\ufffd\ufffe\uffff'],
  ['line separators', 'a\u2028b\u2029c'],
  ['quotes and braces', `{"a":"b\\"c"}'\`$\${x}%s:*`],
  ['numbers', '1e999'],
  ['a megabyte', 'é1'.repeat(350_000)],
]

export const textRules = [
  {
    name: 'texts: any data is read as it was appended',
    async run({ engine, head }: Bench) {
      for (const [what, data] of TEXTS) {
        const appended = await engine.append('a', { data }, { history: {} })
        const { items } = await read(engine, 'a', (appended?.seq ?? 0) - 1)
        check(items[0]?.fields.data === data, `${what} was appended, but ${show(items[0]?.fields.data)} came back`)
      }
      const { items } = await read(engine, 'a', head)
      same(items.length, TEXTS.length, 'the number of items')
    },
  },
  {
    // They have no place in UTF-8, which is what the wire has: kept or replaced, the reader gets the same.
    name: 'texts: a lone surrogate is kept or becomes U+FFFD',
    async run({ engine, head }: Bench) {
      const data = 'a\ud800b\udc00'
      await engine.append('a', { data }, { history: {} })
      const { items } = await read(engine, 'a', head)
      const got = items[0]?.fields.data
      check(got === data || got === 'a\ufffdb\ufffd', `${show(data)} was appended, but ${show(got)} came back`)
    },
  },
  {
    name: 'texts: an event type is kept, and where there was none there is none',
    async run({ engine, head }: Bench) {
      for (const event of ['named', 'žluťoučký 👩‍🚀', 'x'.repeat(1000)]) {
        await engine.append('a', { data: 'x', event }, { history: {} })
        same((await read(engine, 'a', 0)).items.at(-1)?.fields, { data: 'x', event }, 'the fields of an item with an event type')
      }
      await engine.append('a', { data: 'x' }, { history: {} })
      const { items } = await read(engine, 'a', head)
      const fields = items.at(-1)?.fields
      check(fields !== undefined && fields.event === undefined, `an item without an event type came back with ${show(fields?.event)}`)
    },
  },
]

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined'
  return text.length > 100 ? `${text.slice(0, 100)}... (${text.length} characters)` : text
}
