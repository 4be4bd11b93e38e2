import type { Engine, StoredItem } from '../../engines/engine.js'
import { pattern } from '../../protocol/topic.js'
import { check, datas, put, read, rejects, same, seqs, until, type Bench } from './bench.js'

interface Rule {
  readonly name: string
  readonly run: (bench: Bench) => Promise<void>
}

/** What needs a second engine. */
export function storeRules(canReopen: boolean, canForget: boolean): readonly Rule[] {
  return [...(canReopen ? durableRules : []), ...(canForget ? forgetRules : [])]
}

const durableRules: readonly Rule[] = [
  {
    name: 'reopened: the same epoch, the sequence goes on, the items are there',
    async run({ engine, epoch, head, reopen }) {
      for (let at = 0; at < 20; at++) await put(engine, `t/${at % 2}`, `item ${at}`, { size: 5 })
      const before = await read(engine, pattern('**'), head)
      await engine.close()
      const again = await reopen()
      if (again.opened) same([again.opened.epoch, again.opened.head], [epoch, head + 20], '`opened` of the reopened store')
      same(await read(again, pattern('**'), head), before, 'a page before and after')
      same(await put(again, 't/1', 'next'), { epoch, seq: head + 21, prev: head + 20 }, 'the next append')
    },
  },
  {
    name: 'reopened: idempotency keys are remembered',
    async run({ engine, reopen }) {
      const first = await put(engine, 'a', 'once', {}, { idempotencyKey: 'key' })
      await put(engine, 'a', 'more')
      await engine.close()
      const again = await reopen()
      same(await put(again, 'a', 'once', {}, { idempotencyKey: 'key' }), first, 'the answer to a repeated key')
      await rejects(put(again, 'a', 'other', {}, { idempotencyKey: 'key' }), 'SSE_CONFLICT', 'the key with other data')
    },
  },
  {
    name: 'shared: two engines on one store give dense numbers, and each topic its order',
    async run({ engine, head, reopen }) {
      if (!engine.supports.shared) return
      const other = await reopen()
      const nodes = [engine, other]
      const all = await Promise.all(Array.from({ length: 200 }, (_, at) => put(nodes[at % 2] as Engine, `t/${at % 5}`, `${at}`)))
      same(
        seqs(all).toSorted((a, b) => a - b),
        Array.from({ length: 200 }, (_, at) => head + at + 1),
        'the numbers of both',
      )
      for (const node of nodes) {
        const { items } = await read(node, pattern('**'), head)
        const last = new Map<string, number>()
        same(items.length, 200, 'the items that each engine reads')
        for (const { topic, seq, prev, fields } of items) {
          same(prev, last.get(topic) ?? 0, `\`prev\` of item ${seq} of ${topic}`)
          same(seq, all[Number(fields.data)]?.seq, `the number of the item of append ${fields.data}`)
          last.set(topic, seq)
        }
      }
    },
  },
  {
    name: 'shared: what one has appended the other reads at once, and hears of soon',
    async run({ engine, head, reopen }) {
      if (!engine.supports.shared) return
      const other = await reopen()
      const told: StoredItem[] = []
      let known = head
      const stop = other.watch(
        (items, through) => {
          told.push(...items)
          known = Math.max(known, through)
        },
        () => {},
      )
      for (let at = 1; at <= 20; at++) {
        await put(engine, 'a', `${at}`)
        same((await read(other, 'a', head + at - 1)).head, head + at, 'the head that the other reads once the append has resolved')
      }
      await until(() => known >= head + 20, `hints at the other engine, up to ${head + 20}`)
      stop()
      for (const { seq, fields } of told) same(fields.data, `${seq - head}`, `the data of item ${seq} in a hint`)
    },
  },
  {
    name: 'shared: idempotency keys are those of the store',
    async run({ engine, head, reopen }) {
      if (!engine.supports.shared) return
      const other = await reopen()
      const key = { idempotencyKey: 'key' }
      const all = await Promise.all([engine, other, engine, other].map((node) => put(node, 'a', 'once', {}, key)))
      for (const one of all) same(one, all[0], 'the answers of both engines')
      same(datas((await read(other, 'a', head)).items), ['once'], 'the items')
    },
  },
]

const forgetRules: readonly Rule[] = [
  {
    name: 'forgotten: what a forgotten topic had dropped is still told, also when it is born again',
    async run({ forgetful }) {
      const engine = await forgetful()
      const heads = new Map<string, number>()
      const look = async (topic: string, when: string): Promise<void> => {
        const { trimmed } = await read(engine, topic)
        check(
          trimmed >= (heads.get(topic) ?? 0),
          `\`trimmed\` of ${topic} is ${trimmed} ${when}, though its item ${heads.get(topic)} was dropped`,
        )
      }
      for (let round = 0; round < 3; round++) {
        for (let at = 0; at < 40; at++) {
          const topic = `t/${at}`
          const { seq, prev } = await put(engine, topic, 'x', { size: 0 })
          check(
            prev >= (heads.get(topic) ?? 0),
            `\`prev\` of item ${seq} of ${topic} is ${prev}, though the topic had item ${heads.get(topic)}`,
          )
          heads.set(topic, seq)
          await look(topic, round === 0 ? 'after its item' : 'after it was born again')
        }
        for (const topic of heads.keys()) await look(topic, 'after it may have been forgotten')
      }
      const highest = Math.max(...heads.values())
      same((await read(engine, pattern('t/*'))).trimmed, highest, '`trimmed` of a pattern over forgotten topics')
      const { trimmed } = await read(engine, 't/0')
      const { seq } = await put(engine, 't/0', 'kept', {})
      const page = await read(engine, 't/0')
      same(seqs(page.items), [seq], 'the items of a topic that was born again')
      check(page.trimmed >= trimmed, `\`trimmed\` fell from ${trimmed} to ${page.trimmed} when the topic was born again`)
    },
  },
]
