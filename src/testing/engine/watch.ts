import type { StoredItem } from '../../engines/engine.js'
import { put, read, same, seqs, until, wait, type Bench } from './bench.js'

const nothing = (): void => {}

export const watchRules = [
  {
    name: 'watch: tells of new items, and how far the log goes',
    async run({ engine, head }: Bench) {
      const told: StoredItem[] = []
      let known = head
      const stop = engine.watch((items, through) => {
        told.push(...items)
        known = Math.max(known, through)
      }, nothing)
      for (let at = 0; at < 20; at++) await put(engine, `t/${at % 3}`, `item ${at}`)
      await until(() => known >= head + 20, `hints of 20 items, up to ${head + 20}`)
      stop()
      const { items } = await read(engine, ['t/0', 't/1', 't/2'], head)
      for (const item of told)
        same(item.fields, items.find(({ seq }) => seq === item.seq)?.fields, `the fields of item ${item.seq} in a hint`)
    },
  },
  {
    name: 'watch: tells an item that is not kept, which nobody could read any more',
    async run({ engine }: Bench) {
      const told: StoredItem[] = []
      const stop = engine.watch((items) => void told.push(...items), nothing)
      const { seq, prev } = await put(engine, 'a', 'now or never', { size: 0 })
      await until(() => told.length > 0, 'a hint of an item with history { size: 0 }')
      stop()
      const [item] = told
      same(
        { seq: item?.seq, prev: item?.prev, topic: item?.topic, fields: item?.fields },
        { seq, prev, topic: 'a', fields: { data: 'now or never' } },
        'the item in the hint',
      )
    },
  },
  {
    name: 'watch: a hint comes after what it tells is stored',
    async run({ engine, head }: Bench) {
      const looks: Promise<void>[] = []
      const wrong: string[] = []
      const stop = engine.watch((items, through) => {
        const highest = Math.max(through, ...seqs(items))
        const look = read(engine, 'a', highest - 1).then(
          (page) => {
            if (page.head < highest) wrong.push(`a hint told of ${highest} while the log went up to ${page.head}`)
            else if (!page.items.some(({ seq }) => seq === highest))
              wrong.push(`a hint told of item ${highest}, which could not be read yet`)
          },
          (error: unknown) => void wrong.push(`the log could not be read after a hint: ${String(error)}`),
        )
        looks.push(look)
      }, nothing)
      for (let at = 0; at < 10; at++) await put(engine, 'a', `${at}`)
      await Promise.all(Array.from({ length: 30 }, (_, at) => put(engine, 'a', `${at}`)))
      await until(() => looks.length > 0, `a hint of 40 items after ${head}`)
      stop()
      await Promise.all(looks)
      same(wrong, [], 'what was wrong with hints')
    },
  },
  {
    name: 'watch: ends when it is told to',
    async run({ engine, head }: Bench) {
      let calls = 0
      let others = head
      const stop = engine.watch(() => void calls++, nothing)
      const stopOther = engine.watch((_, through) => (others = Math.max(others, through)), nothing)
      stop()
      stop()
      await put(engine, 'a', 'x')
      await until(() => others > head, 'a hint for who still watches')
      await wait(30)
      stopOther()
      same(calls, 0, 'calls after the watch was ended')
    },
  },
  {
    name: 'watch: a listener that throws harms neither appends nor other listeners',
    async run({ engine, head }: Bench) {
      const said = console.error
      let known = head
      const stops = [
        engine.watch(() => {
          throw new Error('thrown by a listener, on purpose')
        }, nothing),
        engine.watch((_, through) => (known = Math.max(known, through)), nothing),
      ]
      try {
        // An engine may say so.
        console.error = nothing
        for (let at = 0; at < 3; at++) await put(engine, 'a', 'x')
        await until(() => known >= head + 3, 'hints for the listener that does not throw')
      } finally {
        console.error = said
        for (const stop of stops) stop()
      }
    },
  },
]
