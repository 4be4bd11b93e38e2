import { pattern } from '../../protocol/topic.js'
import { check, datas, put, read, same, seqs, type Bench } from './bench.js'

export const orderRules = [
  {
    name: 'order: numbers are dense over all topics, and `prev` is that of the topic',
    async run({ engine, epoch, head }: Bench) {
      const last = new Map<string, number>()
      for (let at = 1; at <= 30; at++) {
        const topic = `topic/${(at * 7) % 4}`
        const appended = await put(engine, topic, `item ${at}`)
        same(appended, { epoch, seq: head + at, prev: last.get(topic) ?? 0 }, `append number ${at}, to ${topic}`)
        last.set(topic, appended.seq)
      }
    },
  },
  {
    name: 'order: calls for one topic that are in flight together are stored in their order',
    async run({ engine }: Bench) {
      const names = Array.from({ length: 300 }, (_, at) => `${at}`)
      const appended = await Promise.all(names.map((data, at) => put(engine, at % 3 === 0 ? 'a' : 'b', data)))
      for (const topic of ['a', 'b']) {
        const mine = names.filter((_, at) => (at % 3 === 0) === (topic === 'a'))
        same(datas((await read(engine, topic)).items), mine, `the items of ${topic}, in the order of their numbers`)
        const numbers = appended.filter((_, at) => (at % 3 === 0) === (topic === 'a')).map(({ seq }) => seq)
        same(
          numbers,
          numbers.toSorted((a, b) => a - b),
          `the numbers of ${topic}, in the order of the calls`,
        )
      }
    },
  },
  {
    name: 'order: a thousand appends at once are stored once each, with numbers of their own',
    async run({ engine, head }: Bench) {
      const names = Array.from({ length: 1000 }, (_, at) => `item ${at}`)
      const appended = await Promise.all(names.map((data, at) => put(engine, `topic/${at % 20}`, data)))
      const numbers = seqs(appended).toSorted((a, b) => a - b)
      same(
        numbers,
        Array.from({ length: 1000 }, (_, at) => head + 1 + at),
        'the numbers given',
      )
      const { items } = await read(engine, pattern('**'), head)
      same(seqs(items), numbers, 'the numbers stored')
      same(datas(items).toSorted(), names.toSorted(), 'the items stored')
      for (const [at, { seq, prev }] of appended.entries()) {
        const item = items.find((one) => one.seq === seq)
        check(
          item?.fields.data === names[at] && item?.prev === prev,
          `append ${at} answered { seq: ${seq}, prev: ${prev} }, where the log has ${JSON.stringify(item)}`,
        )
      }
    },
  },
  {
    name: 'order: an item is read as it was appended, with its position and its time',
    async run({ engine, epoch, head }: Bench) {
      const before = Date.now()
      await put(engine, 'a', 'first')
      await put(engine, 'b', 'other')
      await put(engine, 'a', 'second')
      const after = Date.now()
      const page = await read(engine, 'a')
      same([page.epoch, page.head], [epoch, head + 3], 'epoch and head of the page')
      same(
        page.items.map(({ seq, prev, topic, fields }) => ({ seq, prev, topic, fields })),
        [
          { seq: head + 1, prev: 0, topic: 'a', fields: { data: 'first' } },
          { seq: head + 3, prev: head + 1, topic: 'a', fields: { data: 'second' } },
        ],
        'the items',
      )
      // Another machine's clock may differ a little.
      for (const { at } of page.items)
        check(at > before - 60_000 && at < after + 60_000, `\`at\` is when it was stored, in ms since 1970: ${at}`)
    },
  },
]
