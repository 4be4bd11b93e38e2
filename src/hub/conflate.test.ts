import { describe, expect, test } from 'vitest'
import { collect } from '../../test/helpers/collect.js'
import { sleep } from '../util/wait.js'
import { createHub, type Hub } from './hub.js'
import type { SseItem } from '../protocol/item.js'

const never = new AbortController().signal
const byName = (item: SseItem<string>): string => (JSON.parse(item.data) as { name: string }).name

function counterHub(interval: number): Hub {
  return createHub({ topics: { counters: { conflate: { key: byName, interval } } } })
}

/** Reads until the last value of each key has come. */
async function readTo(hub: Hub, last: readonly number[]): Promise<{ data: { name: string; value: number }; at: number }[]> {
  const seen: { data: { name: string; value: number }; at: number }[] = []
  const missing = new Set(last)
  for await (const { data } of hub.subscribe('counters')) {
    const own = JSON.parse(data) as { name: string; value: number }
    seen.push({ data: own, at: performance.now() })
    missing.delete(own.value)
    if (missing.size === 0) break
  }
  return seen
}

describe('conflate', () => {
  test('readers get the newest value of each key at most once per interval, and always the last one', async () => {
    const hub = counterHub(50)
    const read = readTo(hub, [2998, 2999])
    const published: Promise<unknown>[] = []
    for (let value = 0; value < 3000; value++) {
      published.push(hub.publish('counters', { name: value % 2 ? 'odd' : 'even', value }))
      if (value % 20 === 0) await sleep(1, never)
    }
    await Promise.all(published)
    const seen = await read
    for (const name of ['odd', 'even']) {
      const own = seen.filter(({ data }) => data.name === name)
      const values = own.map(({ data }) => data.value)
      expect(values).toEqual(values.toSorted((a, b) => a - b))
      expect(values.at(-1)).toBe(name === 'odd' ? 2999 : 2998)
      // The first at once, then one per interval; a timer may be late but not early.
      const time = (own.at(-1)?.at ?? 0) - (own[0]?.at ?? 0)
      expect(own.length).toBeLessThanOrEqual(time / 50 + 2)
      expect(own.length).toBeGreaterThan(1)
    }
    await hub.close()
  })

  test('who was superseded gets the id of what was stored in its place', async () => {
    const hub = counterHub(30)
    const ids = await Promise.all([1, 2, 3].map((value) => hub.publish('counters', { name: 'a', value })))
    expect(ids[1]).toEqual(ids[2])
    expect(ids[0]).not.toEqual(ids[1])
    expect(await collect(hub.subscribe('counters', { from: 'earliest' }), 2)).toMatchObject([
      { data: '{"name":"a","value":1}' },
      { data: '{"name":"a","value":3}' },
    ])
    await hub.close()
  })

  test('a resumed reader never sees an older value after a newer one', async () => {
    const hub = counterHub(5)
    let lastEventId: string | undefined
    let last = -1
    const enough = new AbortController()
    const publishing = (async () => {
      for (let value = 0; !enough.signal.aborted; value++) {
        void hub.publish('counters', { name: 'a', value })
        if (value % 4 === 0) await sleep(1, never)
      }
    })()
    for (let round = 0; round < 20; round++) {
      for (const item of await collect(hub.subscribe('counters', { lastEventId, from: 'earliest' }), 1)) {
        const { value } = JSON.parse(item.data) as { value: number }
        expect(value).toBeGreaterThan(last)
        last = value
        lastEventId = item.id
      }
    }
    enough.abort()
    await publishing
    await hub.close()
  })

  test('an item with an idempotency key is never superseded, and comes after what was held', async () => {
    const hub = counterHub(1000)
    const put = (value: number, idempotencyKey?: string): Promise<{ id: string | null }> =>
      hub.publish('counters', { name: 'a', value }, { idempotencyKey })
    const ids = await Promise.all([put(1), put(2), put(3, 'k'), put(4, 'l'), put(3, 'k')])
    expect(ids[4]).toEqual(ids[2])
    const seen = await collect(hub.subscribe('counters', { from: 'earliest' }), 4)
    expect(seen.map(({ data }) => (JSON.parse(data) as { value: number }).value)).toEqual([1, 2, 3, 4])
    await hub.close()
  })

  test('close() stores what is held, and tells who waits', async () => {
    const hub = counterHub(60_000)
    const first = hub.publish('counters', { name: 'a', value: 1 })
    const held = hub.publish('counters', { name: 'a', value: 2 })
    await first
    await hub.close()
    expect((await held).id).toMatch(/-2$/)
    await expect(hub.publish('counters', { name: 'a', value: 3 })).rejects.toThrow('The hub is closed')
  })
})
