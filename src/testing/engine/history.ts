import type { Engine, History } from '../../engines/engine.js'
import { pattern } from '../../protocol/topic.js'
import { check, put, read, same, seqs, until, wait, type Bench } from './bench.js'

/** An engine may drop in portions; so many items beyond what a topic's history says are no fault. */
const SLACK = 200

/** Appends so many items of ten bytes; gives their numbers. */
async function fill(engine: Engine, topic: string, count: number, history: History): Promise<number[]> {
  const numbers: number[] = []
  for (let at = 0; at < count; at++) numbers.push((await put(engine, topic, `${at}`.padStart(10, '0'), history)).seq)
  return numbers
}

/** What a topic has kept of these must be the newest ones, and `trimmed` the one before them. */
async function keptOf(engine: Engine, topic: string, numbers: readonly number[]): Promise<number[]> {
  const { items, trimmed } = await read(engine, topic)
  const kept = seqs(items)
  same(
    kept,
    numbers.slice(numbers.length - kept.length),
    `the items of ${topic} that are kept, of ${numbers.length}: a run without holes up to the newest`,
  )
  same(
    trimmed,
    numbers[numbers.length - kept.length - 1] ?? 0,
    `\`trimmed\` of ${topic}: the number of the last item that was dropped (0 for none)`,
  )
  return kept
}

export const historyRules = [
  {
    name: 'history: by size the newest items are kept, and `trimmed` says exactly what was dropped',
    async run({ engine }: Bench) {
      same((await read(engine, 'a')).trimmed, 0, '`trimmed` before anything was stored')
      const numbers: number[] = []
      for (const more of [3, 7, 1, 40]) {
        for (let at = 0; at < more; at++) {
          await put(engine, 'b', 'between', {})
          numbers.push(...(await fill(engine, 'a', 1, { size: 10 })))
        }
        const kept = await keptOf(engine, 'a', numbers)
        check(
          kept.length >= Math.min(10, numbers.length),
          `only ${kept.length} of ${numbers.length} items are kept with history { size: 10 }`,
        )
      }
    },
  },
  {
    name: 'history: by bytes the newest items are kept, and `trimmed` says exactly what was dropped',
    async run({ engine }: Bench) {
      const numbers = await fill(engine, 'a', 30, { bytes: 105 })
      const kept = await keptOf(engine, 'a', numbers)
      check(kept.length >= 10, `only ${kept.length} of 30 items of 10 bytes are kept with history { bytes: 105 }`)
    },
  },
  {
    name: 'history: by age old items are dropped, also of a topic that gets no new ones',
    async run({ engine }: Bench) {
      const history = { age: 300 }
      const started = Date.now()
      const numbers = await fill(engine, 'a', 5, history)
      const early = await keptOf(engine, 'a', numbers)
      check(early.length === 5 || Date.now() - started >= 300, `only ${early.length} of 5 items are kept, and none is older than 300 ms`)
      await until(async () => (await read(engine, 'a')).items.length === 0, 'items of { age: 300 } are dropped')
      check(Date.now() - started >= 250, 'items of { age: 300 } were gone before their time')
      await keptOf(engine, 'a', numbers)
      same((await read(engine, pattern('**'))).trimmed, numbers.at(-1), '`trimmed` of the pattern ** with all items expired')
      numbers.push(...(await fill(engine, 'a', 1, { age: 60_000 })))
      same(await keptOf(engine, 'a', numbers), numbers.slice(-1), 'the new item after all others have expired, also with a longer age')
    },
  },
  {
    name: 'history: what is not limited is kept',
    async run({ engine }: Bench) {
      const numbers = await fill(engine, 'a', 300, {})
      same((await keptOf(engine, 'a', numbers)).length, 300, 'how many items are kept with history {}')
    },
  },
  {
    name: 'history: size 0 keeps nothing, the item counts all the same',
    async run({ engine, head }: Bench) {
      const numbers = await fill(engine, 'a', 3, { size: 0 })
      same(numbers, [head + 1, head + 2, head + 3], 'the numbers')
      const page = await read(engine, 'a')
      same(
        [page.items.length, page.trimmed, page.head, page.through],
        [0, head + 3, head + 3, head + 3],
        'items, trimmed, head and through',
      )
      const { prev } = await put(engine, 'a', 'last', { size: 5 })
      same(prev, head + 3, '`prev` of the next item')
      same((await read(engine, 'a')).trimmed, head + 3, '`trimmed` once an item is kept again')
    },
  },
  {
    name: 'history: topics do not drop items of each other',
    async run({ engine, head }: Bench) {
      const rare = await fill(engine, 'rare', 3, { size: 10 })
      const busy = await fill(engine, 'busy', 200, { size: 5 })
      same(await keptOf(engine, 'rare', rare), rare, 'the items of a quiet topic beside a busy one')
      await keptOf(engine, 'busy', busy)
      same((await read(engine, 'rare', head)).trimmed, 0, '`trimmed` of the quiet topic')
    },
  },
  {
    name: 'history: `trimmed` of several topics is the highest of theirs, whatever `after` and `upTo` are',
    async run({ engine, head }: Bench) {
      await fill(engine, 'a', 20, { size: 5 })
      await fill(engine, 'b', 20, { size: 3 })
      await fill(engine, 'c', 5, {})
      const each = { a: 0, b: 0, c: 0 }
      for (const topic of ['a', 'b', 'c'] as const) each[topic] = (await read(engine, topic)).trimmed
      same(each.c, 0, '`trimmed` of a topic that dropped nothing')
      for (const [selectors, expected] of [
        [['a', 'b'], Math.max(each.a, each.b)],
        [['a', 'c'], each.a],
        [['c'], 0],
        [[pattern('*')], Math.max(each.a, each.b)],
      ] as const) {
        for (const after of [0, head + 18, head + 45]) {
          const { trimmed } = await read(engine, selectors, after, { upTo: head + 30, limit: 2 })
          same(trimmed, expected, `\`trimmed\` of [${selectors.join(', ')}] read after ${after}`)
        }
      }
    },
  },
  {
    name: 'history: the one of the latest append counts',
    async run({ engine }: Bench) {
      const numbers = await fill(engine, 'a', 50, { size: 20 })
      check((await keptOf(engine, 'a', numbers)).length >= 20, 'fewer than 20 items are kept with history { size: 20 }')
      numbers.push(...(await fill(engine, 'a', 50, {})))
      const more = await keptOf(engine, 'a', numbers)
      check(more.length >= 70, `only ${more.length} items are kept, though 20 were kept and 50 came with history {}`)
      numbers.push(...(await fill(engine, 'a', 300, { size: 5 })))
      const fewer = await keptOf(engine, 'a', numbers)
      check(fewer.length >= 5 && fewer.length <= 5 + SLACK, `${fewer.length} items are kept after 300 appends with history { size: 5 }`)
    },
  },
  {
    name: 'history: not much more is kept than it says',
    async run({ engine }: Bench) {
      const all = await Promise.all(
        Array.from({ length: 1000 }, (_, at) => put(engine, 'a', `${at}`.padStart(10, '0'), at % 2 ? { size: 10 } : { bytes: 100 })),
      )
      let kept: number[] = []
      await until(
        async () => (kept = await keptOf(engine, 'a', seqs(all))).length <= 10 + SLACK,
        `1000 items came with history { size: 10 } or { bytes: 100 }, and no more than ${10 + SLACK} are kept`,
      )
      check(kept.length >= 10, `only ${kept.length} items are kept with history { size: 10 }`)
    },
  },
  {
    name: 'history: a topic that never was has dropped nothing',
    async run({ engine, head }: Bench) {
      await fill(engine, 'a', 20, { size: 2 })
      const page = await read(engine, 'never', head)
      same(
        [page.items.length, page.trimmed, page.through],
        [0, 0, head + 20],
        'items, trimmed and through of an unknown topic, with nothing forgotten',
      )
    },
  },
  {
    name: 'history: `trimmed` of a topic never falls',
    async run({ engine }: Bench) {
      let last = 0
      for (let round = 0; round < 60; round++) {
        await put(engine, 'a', 'x', [{ size: 3 }, { size: 0 }, { bytes: 2 }, {}][round % 4])
        const { trimmed, head } = await read(engine, 'a')
        check(trimmed >= last && trimmed <= head, `\`trimmed\` went from ${last} to ${trimmed}, with the head at ${head}`)
        last = trimmed
        if (round % 20 === 0) await wait(2)
      }
    },
  },
]
