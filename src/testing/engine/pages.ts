import type { Engine } from '../../engines/engine.js'
import { pattern, type Selector } from '../../protocol/topic.js'
import { check, datas, put, read, same, seqs, type Bench } from './bench.js'

async function fill(engine: Engine, count: number, topics: number): Promise<void> {
  for (let at = 1; at <= count; at++) await put(engine, `t/${at % topics}`, `item ${at}`)
}

export const pageRules = [
  {
    name: 'read: only what is selected, only above `after`, ascending',
    async run({ engine, head }: Bench) {
      await fill(engine, 30, 3)
      for (const [selectors, matches] of [
        [['t/1'], (at: number) => at % 3 === 1],
        [['t/0', 't/2'], (at: number) => at % 3 !== 1],
        [[pattern('t/*')], () => true],
        [['nobody', 't/0'], (at: number) => at % 3 === 0],
        [[pattern('u/*')], () => false],
      ] satisfies readonly [Selector[], (at: number) => boolean][]) {
        for (const after of [0, 10, 29, 30, 50]) {
          const expected = Array.from({ length: 30 }, (_, at) => at + 1).filter((at) => at > after && matches(at))
          const { items } = await read(engine, selectors, head + after)
          same(
            seqs(items),
            expected.map((at) => head + at),
            `read [${selectors.join(', ')}] after ${head + after}`,
          )
        }
      }
    },
  },
  {
    name: 'read: `through` is the head, or `upTo`, when everything up to there has been given',
    async run({ engine, head }: Bench) {
      same((await read(engine, 'a', head)).through, head, '`through` of an empty store')
      await fill(engine, 20, 2)
      await put(engine, 'other', 'last')
      for (const upTo of [undefined, head + 21, head + 1000, head + 13, head + 12]) {
        const page = await read(engine, 't/1', head, { upTo })
        same(page.through, Math.min(upTo ?? Infinity, head + 21), `\`through\` with upTo ${upTo} and the head at ${head + 21}`)
        same(page.head, head + 21, `\`head\` with upTo ${upTo}`)
      }
    },
  },
  {
    name: 'read: nothing above `upTo`',
    async run({ engine, head }: Bench) {
      await fill(engine, 20, 2)
      for (const upTo of [0, 1, 7, 8, 20]) {
        const { items } = await read(engine, [pattern('**')], head, { upTo: head + upTo })
        same(
          seqs(items),
          Array.from({ length: upTo }, (_, at) => head + at + 1),
          `the items up to ${head + upTo}`,
        )
      }
    },
  },
  {
    name: 'read: `limit` cuts, and `through` says where',
    async run({ engine, head }: Bench) {
      await fill(engine, 60, 3)
      for (const selectors of [['t/1'], ['t/0', 't/1'], [pattern('**')]] satisfies readonly Selector[][]) {
        const all = seqs((await read(engine, selectors, head)).items)
        const found: number[] = []
        let after = head
        for (let pages = 0; after < head + 60; pages++) {
          check(pages < 100, `pages of 7 of [${selectors.join(', ')}] don't come to an end`)
          const { items, through } = await read(engine, selectors, after, { limit: 7 })
          check(items.length <= 7, `limit 7 gave ${items.length} items`)
          const left = all.filter((seq) => seq > after)
          same(seqs(items), left.slice(0, 7), `the next 7 items of [${selectors.join(', ')}] after ${after}`)
          const next = left[items.length]
          check(
            next === undefined || through < next,
            `\`through\` is ${through}, but item ${next} of [${selectors.join(', ')}] was cut off by the limit`,
          )
          check(through >= (items.at(-1)?.seq ?? after), `\`through\` is ${through}, below the last item ${items.at(-1)?.seq}`)
          found.push(...seqs(items))
          after = through
        }
        same(found, all, `the pages of [${selectors.join(', ')}] together`)
      }
    },
  },
  {
    name: 'read: `bytes` cuts, and `through` says where',
    async run({ engine, head }: Bench) {
      // A hundred bytes and fifty characters each.
      for (let at = 1; at <= 40; at++) await put(engine, 't', 'é'.repeat(50))
      const found: number[] = []
      for (let after = head, pages = 0; after < head + 40; pages++) {
        check(pages < 100, "pages of 450 bytes don't come to an end")
        const { items, through } = await read(engine, 't', after, { bytes: 450 })
        check(items.length > 0 && items.length <= 6, `450 bytes gave ${items.length} items of 100 bytes`)
        same(through, after + items.length, `\`through\` after ${items.length} items from ${after + 1}`)
        found.push(...seqs(items))
        after = through
      }
      same(
        found,
        Array.from({ length: 40 }, (_, at) => head + at + 1),
        'the pages together',
      )
    },
  },
  {
    name: 'read: of no topics comes how far the log goes, and nothing else',
    async run({ engine, epoch, head }: Bench) {
      for (let at = 0; at < 5; at++) await put(engine, 't', 'x', { size: 2 })
      const page = await read(engine, [], head, { limit: 1, bytes: 1 })
      same([page.epoch, page.head, page.through, page.items.length], [epoch, head + 5, head + 5, 0], 'epoch, head, through and items')
      same(page.trimmed, 0, '`trimmed` of no topics')
    },
  },
  {
    name: 'read: one item always comes, however large',
    async run({ engine, head }: Bench) {
      const data = 'x'.repeat(100_000)
      await put(engine, 't', data)
      await put(engine, 't', data)
      for (const bytes of [1, 1000, 150_000]) {
        const { items, through } = await read(engine, 't', head, { bytes })
        check(items.length >= 1, `${bytes} bytes gave nothing where the next item has 100000: the reader would ask for ever`)
        check(items.length === 1 || bytes > 100_000, `${bytes} bytes gave ${items.length} items of 100000`)
        same(through, head + items.length, `\`through\` after ${items.length} items`)
      }
    },
  },
  {
    name: 'read: a pattern matches whole segments, and an item that is selected twice comes once',
    async run({ engine, head }: Bench) {
      const topics = ['stock', 'stock/1', 'stock/2', 'stock/1/price', 'stocks/1', 'news']
      for (const topic of topics) await put(engine, topic, topic)
      for (const [selectors, expected] of [
        [[pattern('stock/*')], ['stock/1', 'stock/2']],
        [[pattern('stock/**')], ['stock/1', 'stock/2', 'stock/1/price']],
        [[pattern('*')], ['stock', 'news']],
        [[pattern('*/1')], ['stock/1', 'stocks/1']],
        [[pattern('**')], topics],
        [['stock/*'], []],
        [['stock/2', pattern('stock/*'), pattern('**')], topics],
      ] satisfies readonly [Selector[], string[]][]) {
        const { items } = await read(engine, selectors, head)
        same(
          datas(items),
          expected,
          `read [${selectors.map((one) => (typeof one === 'string' ? `'${one}'` : `pattern(${one.text})`)).join(', ')}]`,
        )
      }
    },
  },
  {
    name: 'read: one moment, in which also patterns are expanded: a topic born meanwhile counts or not as a whole',
    async run({ engine, head }: Bench) {
      let born = 0
      let after = head
      for (let round = 0; round < 40; round++) {
        const writing: Promise<unknown>[] = []
        const page = (async () => {
          const reading = read(engine, [pattern('born/**')], after, { limit: 25 })
          for (let at = 0; at < 10; at++) {
            const appended = put(engine, `born/${++born}`, 'first')
            // Looked at in the end; what a page does wrong is said first.
            appended.catch(() => {})
            writing.push(appended)
            // A task of its own now and then: whatever the engine waits for, something is born in between.
            if (at % 3 === 0) await new Promise((resolve) => setTimeout(resolve))
          }
          return await reading
        })()
        const { items, through, head: seen } = await page
        check(through <= seen, `\`through\` ${through} is above the head ${seen}`)
        same(
          seqs(items),
          Array.from({ length: through - after }, (_, at) => after + at + 1),
          `the items from ${after} through ${through}, in ${born} topics that are all selected`,
        )
        after = through
        await Promise.all(writing)
      }
    },
  },
  {
    name: 'read: a topic that is born while a pattern is paged through is on a later page',
    async run({ engine, head }: Bench) {
      await fill(engine, 20, 4)
      const first = await read(engine, pattern('**'), head, { limit: 10 })
      await put(engine, 'born', 'between two pages')
      const rest = await read(engine, pattern('**'), first.through)
      same(
        [...seqs(first.items), ...seqs(rest.items)],
        Array.from({ length: 21 }, (_, at) => head + at + 1),
        'the items of both pages',
      )
    },
  },
  {
    name: 'read: an item is there as soon as its append has resolved',
    async run({ engine }: Bench) {
      for (let at = 0; at < 20; at++) {
        const { seq } = await put(engine, 'a', `${at}`)
        const page = await read(engine, 'a', seq - 1)
        same([page.head, ...seqs(page.items)], [seq, seq], 'head and item right after the append')
      }
    },
  },
  {
    name: 'topics: the known ones that are selected, each once',
    async run({ engine }: Bench) {
      if (!engine.topics) return
      for (const topic of ['a/1', 'a/2', 'b/1', 'a/1']) await put(engine, topic, 'x')
      const known = await engine.topics([pattern('a/*'), 'a/1', 'b/1', 'unknown'])
      same(known.toSorted(), ['a/1', 'a/2', 'b/1'], 'the topics')
    },
  },
]
