import { describe, expect, onTestFinished, test } from 'vitest'
import type { Engine } from '../../src/engines/engine.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { SseError } from '../../src/errors.js'
import { createHub, pattern, type Hub, type HubOptions } from '../../src/hub/index.js'
import type { SseItem } from '../../src/index.js'
import { follow } from './over-http.js'
import { inVirtualTime, type Clock } from './virtual-time.js'

type Mode = 'here' | 'rejects' | 'hangs'

/** A store that goes away, as one on another machine does: what is asked of it rejects, or is never answered. */
function distant(): { engine: Engine; become: (mode: Mode) => void; reads: () => number; most: () => number } {
  const inner = memoryEngine()
  let mode: Mode = 'here'
  let reads = 0
  let now = 0
  let most = 0
  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    if (mode === 'rejects') throw new SseError('SSE_ENGINE', 'The store at 10.0.0.7 is away')
    return mode === 'hangs' ? new Promise<T>(() => {}) : work()
  }
  const engine: Engine = {
    ...inner,
    supports: { ...inner.supports, shared: true },
    get isAway() {
      return mode !== 'here'
    },
    append: (...asked) => ask(() => inner.append(...asked)),
    async read(...asked) {
      reads++
      most = Math.max(most, ++now)
      try {
        return await ask(() => inner.read(...asked))
      } finally {
        now--
      }
    },
  }
  return { engine, become: (next) => (mode = next), reads: () => reads, most: () => most }
}

const health = async (hub: Hub): Promise<unknown> => {
  const response = await hub.fetch(new Request('http://a.test/health'))
  return [response.status, ((await response.json()) as { status?: string }).status]
}

const all: HubOptions<unknown, SseItem<string>> = { authorize: () => ({ read: pattern('**'), write: pattern('**') }) }

function away(run: (clock: Clock, store: ReturnType<typeof distant>, hub: Hub, errors: unknown[]) => Promise<void>): () => Promise<void> {
  return () =>
    inVirtualTime(async (clock) => {
      const store = distant()
      const errors: unknown[] = []
      const hub = createHub({ ...all, engine: store.engine, onError: (error) => void errors.push(error) })
      await hub.ready
      await clock.sleep(10)
      await run(clock, store, hub, errors)
      store.become('here')
      await hub.close()
    })
}

describe.each<Mode>(['rejects', 'hangs'])('while the store is away, which %s', (mode) => {
  test(
    'streams stay, with keep-alives, and have everything when it is back',
    away(async (clock, store, hub, errors) => {
      const live = await follow(hub, '/events?topic=a')
      await hub.publish('a', '1')
      await clock.sleep(10)
      store.become(mode)
      const before = live.chunks
      await clock.sleep(5 * 60_000)
      expect(live.chunks - before).toBeGreaterThan(15)
      store.become('here')
      await clock.sleep(13_000)
      await hub.publish('a', '2')
      await clock.sleep(2000)
      expect(live.items).toEqual(['1', '2'])
      // Once for the outage, not for each try.
      expect(errors.length).toBeLessThan(3)
      live.leave()
    }),
  )

  test(
    'new streams are taken, and wait: with a position and without, of a topic and of a pattern',
    away(async (clock, store, hub) => {
      const { id } = await hub.publish('a', '1')
      await hub.publish('a', '2')
      await clock.sleep(10)
      store.become(mode)
      await clock.sleep(60_000)
      const fresh = await follow(hub, '/events?topic=a')
      const resumed = await follow(hub, '/events?topic=a', { 'last-event-id': id! })
      const unheard = await follow(hub, '/events?topic=a', { 'last-event-id': id!.replace(/-1$/, '-9') })
      const earliest = await follow(hub, '/events?pattern=**&from=earliest')
      const streams = [fresh, resumed, unheard, earliest]
      expect(streams.map(({ status }) => status)).toEqual([200, 200, 200, 200])
      await clock.sleep(2 * 60_000)
      for (const { chunks } of streams) expect(chunks).toBeGreaterThan(4)
      store.become('here')
      await clock.sleep(13_000)
      await hub.publish('a', '3')
      await clock.sleep(2000)
      expect(streams.map(({ items }) => items)).toEqual([['3'], ['2', '3'], ['3'], ['1', '2', '3']])
      expect(unheard.blocks.find(({ event }) => event === 'gap')?.data).toContain('unknown-id')
      for (const { leave } of streams) leave()
    }),
  )

  test(
    'health is degraded, and no error: nobody is sent away to a node that is no nearer',
    away(async (clock, store, hub) => {
      expect(await health(hub)).toEqual([200, 'ok'])
      store.become(mode)
      expect(await health(hub)).toEqual([200, 'degraded'])
      await clock.sleep(60_000)
      expect(await health(hub)).toEqual([200, 'degraded'])
      store.become('here')
      await clock.sleep(30_000)
      expect(await health(hub)).toEqual([200, 'ok'])
    }),
  )

  test(
    'a thousand readers that come back ask for four pages at once at most, and are served within some seconds when it is back',
    away(async (clock, store, hub) => {
      const ids = new Map<number, string>()
      for (let n = 0; n < 1000; n++) ids.set(n, (await hub.publish(`t/${n}`, '1')).id!)
      for (let n = 0; n < 1000; n++) await hub.publish(`t/${n}`, '2')
      await clock.sleep(10)
      store.become(mode)
      const before = store.reads()
      const readers = [...ids].map(([n, id]) => {
        const iterator = hub.subscribe(`t/${n}`, { lastEventId: id })[Symbol.asyncIterator]()
        return { iterator, next: iterator.next() }
      })
      await clock.sleep(60_000)
      // However many wait.
      expect(store.reads() - before).toBeLessThan(500)
      store.become('here')
      const items = await Promise.race([Promise.all(readers.map(({ next }) => next)), clock.sleep(15_000)])
      expect(items?.map(({ value }) => (value as SseItem<string>).data)).toEqual(Array.from({ length: 1000 }, () => '2'))
      // Those of the readers, and the node's own.
      expect(store.most()).toBeLessThanOrEqual(5 + (mode === 'hangs' ? 40 : 0))
      for (const { iterator } of readers) await iterator.return?.()
    }),
  )

  test(
    'a reader that leaves leaves nothing behind',
    away(async (clock, store, hub) => {
      const { id } = await hub.publish('a', '1')
      await hub.publish('a', '2')
      store.become(mode)
      for (let n = 0; n < 20; n++) {
        const stream = await follow(hub, '/events?topic=a', { 'last-event-id': id! })
        await clock.sleep(100)
        stream.leave()
      }
      await clock.sleep(100)
      expect(hub.stats().connections).toBe(0)
      // A read that was never answered ends by itself; then only the node looks.
      await clock.sleep(60_000)
      store.become('rejects')
      const before = store.reads()
      await clock.sleep(10_000)
      expect(store.reads() - before).toBeLessThan(30)
    }),
  )
})

test('while the store was never there, streams are taken and wait, publishes say that nothing is stored, and health is no success', async () => {
  const { opened: _, ...inner } = memoryEngine()
  let open = (): void => {}
  const engine: Engine = { ...inner, open: () => new Promise((resolve) => (open = () => resolve(inner.open()))) }
  const hub = createHub({ ...all, engine, publishTimeout: 50, onError: () => {} })
  onTestFinished(() => hub.close())
  const stream = await follow(hub, '/events?topic=a')
  expect(stream.status).toBe(200)
  expect(await health(hub)).toEqual([503, undefined])
  const published = await hub.fetch(new Request('http://a.test/topics/a', { method: 'POST', body: 'x' }))
  expect([published.status, ((await published.json()) as { code: string }).code]).toEqual([503, 'SSE_ENGINE'])
  open()
  await hub.ready
  expect(await health(hub)).toEqual([200, 'ok'])
  await expect.poll(() => stream.blocks).toHaveLength(1)
  await hub.publish('a', '1')
  await expect.poll(() => stream.blocks.at(-1)?.data).toBe('1')
  stream.leave()
})

test('a store that can not be opened is a hub that is closed', async () => {
  const { opened: _, ...inner } = memoryEngine()
  const engine: Engine = { ...inner, open: () => Promise.reject(new SseError('SSE_ENGINE', 'of a newer format')) }
  const hub = createHub({ ...all, engine, onError: () => {} })
  await expect(hub.ready).rejects.toThrow('of a newer format')
  expect(await health(hub)).toEqual([503, undefined])
  expect((await hub.fetch(new Request('http://a.test/events?topic=a'))).status).toBe(503)
  await hub.close()
})
