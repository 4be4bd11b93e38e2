import { check, datas, put, read, rejects, same, type Bench } from './bench.js'

export const idempotencyRules = [
  {
    name: 'idempotency: a repeated key stores nothing and answers with the first position',
    async run({ engine, head }: Bench) {
      const key = { idempotencyKey: 'key' }
      await put(engine, 'a', 'before')
      const first = await put(engine, 'a', 'once', {}, key)
      await put(engine, 'a', 'between')
      same(await put(engine, 'a', 'once', {}, key), first, 'the answer to the same key with the same data')
      same(datas((await read(engine, 'a', head)).items), ['before', 'once', 'between'], 'the items')
      same((await read(engine, 'a')).head, head + 3, 'the head')
    },
  },
  {
    name: 'idempotency: appends in flight together with one key store one item',
    async run({ engine, head }: Bench) {
      const key = { idempotencyKey: 'key' }
      const all = await Promise.all(Array.from({ length: 20 }, () => put(engine, 'a', 'once', {}, key)))
      for (const one of all) same(one, all[0], 'the answers to one key')
      same(datas((await read(engine, 'a', head)).items), ['once'], 'the items')
    },
  },
  {
    name: 'idempotency: a key that was used with other fields is refused with SSE_CONFLICT',
    async run({ engine, head }: Bench) {
      const options = { history: {}, idempotencyKey: 'key' }
      await engine.append('a', { data: 'once' }, options)
      for (const fields of [{ data: 'other' }, { data: 'once', event: 'named' }, { data: '' }]) {
        await rejects(engine.append('a', fields, options), 'SSE_CONFLICT', `the key of { data: 'once' } with ${JSON.stringify(fields)}`)
      }
      const page = await read(engine, 'a', head)
      same([page.head, ...datas(page.items)], [head + 1, 'once'], 'head and items after the refusals')
      await Promise.all([
        rejects(engine.append('a', { data: 'other' }, options), 'SSE_CONFLICT', 'the key with other data, in flight with others'),
        put(engine, 'a', 'innocent'),
        put(engine, 'b', 'innocent'),
      ])
      same((await read(engine, 'a')).head, head + 3, 'the head: what is in flight beside a refusal is stored')
    },
  },
  {
    name: 'idempotency: keys belong to their topic',
    async run({ engine, head }: Bench) {
      for (const [topic, idempotencyKey, data] of [
        ['a', 'key', '1'],
        ['b', 'key', '2'],
        ['a', 'b/key', '3'],
        ['a/b', 'key', '4'],
        ['a', 'other', '1'],
      ] as const)
        await put(engine, topic, data, {}, { idempotencyKey })
      same((await read(engine, 'a')).head, head + 5, 'the head after five appends with five pairs of topic and key')
    },
  },
  {
    name: 'idempotency: a key is remembered when its item is kept no longer',
    async run({ engine }: Bench) {
      const first = await put(engine, 'a', 'once', { size: 0 }, { idempotencyKey: 'key' })
      for (let at = 0; at < 5; at++) await put(engine, 'a', 'more', { size: 1 })
      same(
        await put(engine, 'a', 'once', { size: 1 }, { idempotencyKey: 'key' }),
        first,
        'the answer to the key of an item that was dropped',
      )
      check((await read(engine, 'a')).items.length > 0, 'the newest item was dropped by a repeated key')
    },
  },
]
