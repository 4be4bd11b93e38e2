import { describe, expect, test } from 'vitest'
import type { Page } from '../../src/engines/engine.js'
import { createHub, type Hub } from '../../src/hub/hub.js'
import { SseItem } from '../../src/protocol/item.js'
import { parseEventStream } from '../../src/protocol/read.js'
import { pattern, type Topics } from '../../src/protocol/topic.js'
import { sse } from '../../src/respond/response.js'
import { connectTo, type ConnectOptions, type Connection } from './client.js'
import { asOf, faultyStore, randomFrom, type Faults, type Store } from './faulty-engine.js'
import { inVirtualTime, type Clock } from './virtual-time.js'

interface Stage {
  readonly clock: Clock
  readonly store: Store
  /** A node that is ready. */
  node(faults?: Faults, options?: Parameters<typeof createHub>[0]): Promise<Hub>
  /** A judged connection. */
  connect(hub: Hub, topics: Topics, given?: string, options?: Partial<ConnectOptions>): Connection
  /** Whatever was on its way has come. */
  rest(): Promise<void>
}

/** What a test does, in time of its own. In the end all connections must have everything. */
function interleaving(
  run: (stage: Stage) => Promise<void>,
  { maxTopics = 1000, tick = () => 0.01 }: { maxTopics?: number; tick?: () => number } = {},
): () => Promise<void> {
  return () =>
    inVirtualTime(
      async (clock) => {
        const store = faultyStore(randomFrom(1), { maxTopics })
        const hubs: Hub[] = []
        const connections: Connection[] = []
        await run({
          clock,
          store,
          async node(faults, options) {
            const hub = createHub({ onError: () => {}, ...options, engine: store.node(faults) } as Parameters<typeof createHub>[0])
            hubs.push(hub)
            await hub.ready
            // It has looked once where the log is, if the store lets it.
            await clock.sleep(0)
            return hub
          },
          connect(hub, topics, given = '', options = {}) {
            const connection = connectTo(hub, { store, topics, given, forgets: maxTopics < 1000, ...options })
            connections.push(connection)
            return connection
          },
          rest: () => clock.sleep(100),
        })
        for (const { judge, isOpen } of connections) if (isOpen) await judge.complete()
        for (const connection of connections) connection.leave()
        await Promise.all(connections.map(({ over }) => over))
        for (const hub of hubs) {
          if (hub.stats().connections > 0) throw new Error(`${hub.stats().connections} readers were not let go`)
          await hub.close()
        }
      },
      { tick, within: 2 * 3_600_000 },
    )
}

const seqOf = (id: string | null | undefined): number => Number(/-(\d+)/.exec(id ?? '')?.[1])
const state = (topic: string, store: Store): string => {
  const seq = store.epochs.at(-1)?.items.findLast((item) => item.topic === topic)?.seq ?? 0
  return JSON.stringify({ topic, epoch: store.epochs.length - 1, seq })
}

describe('hints', () => {
  test(
    'of two topics, the later seq first: nothing above the hole is written, and another node gives both',
    interleaving(async (stage) => {
      const { connect, node, rest, clock } = stage
      let isReadable = false
      const first = await node({
        onHint: ([item], deliver) => item?.topic === 'b' && deliver(),
        onRead: async (_, __, read) => (isReadable ? read() : new Promise<Page>(() => {})),
      })
      const second = await node()
      // The look at the start is one of those that never come back.
      const connection = connect(first, ['a', 'b'])
      await rest()
      await first.publish('a', 'a1')
      await first.publish('b', 'b2')
      await clock.sleep(500)
      expect(connection.judge.blocks).toEqual([{ id: expect.stringMatching(/-0~/) }])
      connection.leave()
      const resumed = connect(second, ['a', 'b'], connection.judge.lastId)
      await rest()
      expect(resumed.judge.items).toEqual(['a1', 'b2'])
      isReadable = true
    }),
  )

  test(
    'a hole is filled from the log after 10 ms',
    interleaving(async ({ connect, node, rest, clock }) => {
      const hub = await node({ onHint: ([item], deliver) => item?.topic === 'b' && deliver() })
      const connection = connect(hub, pattern('**'))
      await rest()
      const before = clock.now
      await hub.publish('a', 'a1')
      await hub.publish('b', 'b2')
      while (connection.judge.items.length < 2) await clock.sleep(1)
      expect(connection.judge.items).toEqual(['a1', 'b2'])
      expect(clock.now - before).toBeGreaterThanOrEqual(10)
      expect(clock.now - before).toBeLessThan(20)
    }),
  )

  test(
    'of the newest item, lost: the log is looked at all the same',
    interleaving(async ({ connect, node, clock }) => {
      const hub = await node({ lose: 1 })
      const connection = connect(hub, 'a')
      await hub.publish('a', '1')
      await clock.sleep(1500)
      expect(connection.judge.items).toEqual(['1'])
    }),
  )

  test(
    'of an item that was stored while the engine opened: it is not waited for',
    interleaving(async ({ connect, node, store, rest }) => {
      const other = await node()
      const opening = node({ readDelay: 8 })
      for (let n = 0; n < 5; n++) {
        await other.publish('a', String(n))
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      const hub = await opening
      await rest()
      expect(seqOf(hub.lastEventId)).toBe(store.head)
      connect(hub, 'a')
    }),
  )

  test(
    'that come while a read of a moment before is under way: the log is read again',
    interleaving(async ({ connect, node, clock }) => {
      let answer = (): void => {}
      const held = { is: false }
      const hub = await node({
        onHint: ([item], deliver) => item?.seq !== 3 && deliver(),
        async onRead(_, __, read) {
          const page = await read()
          if (held.is) await new Promise<void>((resolve) => (answer = resolve))
          return page
        },
      })
      const connection = connect(hub, 'a')
      await clock.sleep(20)
      for (const n of ['1', '2']) await hub.publish('a', n)
      // The look of every second begins, and takes its time.
      held.is = true
      await clock.sleep(1000)
      await hub.publish('a', '3')
      await hub.publish('a', '4')
      await clock.sleep(30)
      expect(connection.judge.items).toEqual(['1', '2'])
      held.is = false
      answer()
      await clock.sleep(30)
      expect(connection.judge.items).toEqual(['1', '2', '3', '4'])
    }),
  )
})

describe('a reader that comes back', () => {
  test(
    'to a node that is behind: no gap, and nothing is missed',
    interleaving(async ({ connect, node, rest }) => {
      const ahead = await node()
      const behind = await node({ lose: 1 })
      const connection = connect(ahead, 'a')
      for (const n of ['1', '2', '3']) await ahead.publish('a', n)
      await rest()
      connection.leave()
      await ahead.publish('a', '4')
      const resumed = connect(behind, 'a', connection.judge.lastId)
      await rest()
      expect(resumed.judge.gaps).toEqual([])
      expect(resumed.judge.items).toEqual(['4'])
    }),
  )

  test(
    'to a node that has not heard of the new epoch: no gap, and nothing is missed',
    interleaving(async ({ connect, node, rest, store }) => {
      const ahead = await node()
      const behind = await node({ resetDelay: 60_000 })
      for (const n of ['1', '2', '3']) await ahead.publish('a', n)
      await rest()
      store.reset()
      await rest()
      const connection = connect(ahead, 'a')
      await ahead.publish('a', '1 again')
      await rest()
      connection.leave()
      await ahead.publish('a', '2 again')
      const resumed = connect(behind, 'a', connection.judge.lastId)
      await rest()
      expect(resumed.judge.gaps).toEqual([])
      expect(resumed.judge.items).toEqual(['2 again'])
    }),
  )

  test(
    'cut off after the first id, before the gap: is told it again',
    interleaving(async ({ connect, node, rest }) => {
      const hub = await node({}, { topics: { a: { history: { size: 1 } } } })
      const { id } = await hub.publish('a', '1')
      for (const n of ['2', '3', '4']) await hub.publish('a', n)
      const cut = connect(hub, 'a', id!, { leaveAfter: 1 })
      await rest()
      expect(cut.judge.blocks).toEqual([{ id }])
      const resumed = connect(hub, 'a', cut.judge.lastId)
      await rest()
      expect(resumed.judge.gaps).toMatchObject([{ topics: ['a'], reason: 'expired', from: id }])
      expect(seqOf(resumed.judge.gaps[0]?.to)).toBe(3)
      expect(resumed.judge.items).toEqual(['4'])
    }),
  )

  test(
    'cut off after the first id, before the gap for a new epoch: is told it again',
    interleaving(async ({ connect, node, rest, store }) => {
      const hub = await node()
      const { id } = await hub.publish('a', '1')
      store.reset()
      await rest()
      const cut = connect(hub, 'a', id!, { leaveAfter: 1 })
      await rest()
      const resumed = connect(hub, 'a', cut.judge.lastId)
      await rest()
      expect(resumed.judge.blocks).toMatchObject([{ id }, { event: 'gap' }, { id: expect.stringMatching(/-0$/) }])
    }),
  )

  test(
    'cut off after the first id, before the snapshot: gets it',
    interleaving(async ({ connect, node, rest, store }) => {
      const hub = await node({}, { topics: { a: { snapshot: (topic) => new SseItem(state(topic, store), { event: 'snapshot' }) } } })
      await hub.publish('a', '1')
      const options = { hasSnapshot: () => true }
      const cut = connect(hub, 'a', '', { ...options, leaveAfter: 1 })
      await rest()
      expect(cut.judge.blocks).toEqual([{ id: expect.stringMatching(/-1!$/) }])
      await hub.publish('a', '2')
      const resumed = connect(hub, 'a', cut.judge.lastId, options)
      await rest()
      expect(resumed.judge.blocks.map(({ event, data, id }) => event ?? data ?? id?.replace(/^.*-/, ''))).toEqual([
        '1!',
        'snapshot',
        '1',
        '2',
      ])
    }),
  )

  test(
    'is told of the gap of one topic, and gets the items of the other in their order',
    interleaving(async ({ connect, node, rest }) => {
      const hub = await node({}, { topics: { a: { history: { size: 1 } } } })
      const first = connect(hub, ['a', 'b'])
      await rest()
      first.leave()
      for (const [topic, n] of ['a1', 'b2', 'a3', 'b4', 'a5', 'b6'].map((text) => [text.slice(0, 1), text] as const))
        await hub.publish(topic, n)
      const resumed = connect(hub, ['a', 'b'], first.judge.lastId)
      await rest()
      expect(resumed.judge.gaps).toMatchObject([{ topics: ['a'], reason: 'expired', from: first.judge.lastId }])
      expect(seqOf(resumed.judge.gaps[0]?.to)).toBe(3)
      expect(resumed.judge.items).toEqual(['b2', 'b4', 'a5', 'b6'])
      // Cut off between: what is left of the gap is told again, not the whole, and nothing comes twice.
      const cut = connect(hub, ['a', 'b'], first.judge.lastId, { leaveAfter: 3 })
      await rest()
      expect(cut.judge.items).toEqual(['b2'])
      const again = connect(hub, ['a', 'b'], cut.judge.lastId)
      await rest()
      expect(again.judge.gaps.map(({ from, to }) => [seqOf(from), seqOf(to)])).toEqual([[2, 3]])
      expect(again.judge.items).toEqual(['b4', 'a5', 'b6'])
    }),
  )

  test(
    'to a topic that was forgotten and born again: is told',
    interleaving(
      async ({ connect, node, rest }) => {
        const forgetful = await node({}, { topics: { a: { history: { size: 0 } } } })
        const hub = await node()
        const first = connect(hub, 'a')
        await rest()
        first.leave()
        await forgetful.publish('a', 'lost')
        await hub.publish('b', 'makes room')
        await hub.publish('c', 'makes room')
        await hub.publish('a', 'born again')
        const resumed = connect(hub, 'a', first.judge.lastId)
        await rest()
        expect(resumed.judge.gaps).toMatchObject([{ topics: ['a'], reason: 'expired', from: first.judge.lastId }])
        expect(resumed.judge.items).toEqual(['born again'])
      },
      { maxTopics: 1 },
    ),
  )

  test(
    'with another set of topics: a gap; with the same in another order: none',
    interleaving(async ({ connect, node, rest }) => {
      const hub = await node()
      const first = connect(hub, ['a', 'b'])
      await hub.publish('a', '1')
      await rest()
      first.leave()
      const { lastId } = first.judge
      for (const topics of [['a', 'c'], 'a', pattern('*'), ['a', 'b', 'c']] as Topics[]) {
        const changed = connect(hub, topics, lastId, { isOtherSet: true })
        await rest()
        expect(changed.judge.gaps).toMatchObject([{ topics: [topics].flat().map(String), reason: 'topics', from: lastId }])
        changed.leave()
      }
      await hub.publish('b', '2')
      const same = connect(hub, ['b', 'a', 'b'], lastId)
      await rest()
      expect(same.judge.gaps).toEqual([])
      expect(same.judge.items).toEqual(['2'])
    }),
  )

  test(
    'with nonsense, or from the future: a fresh start, and told',
    interleaving(async ({ connect, node, rest }) => {
      const hub = await node()
      const { id } = await hub.publish('a', '1')
      for (const [given, reason] of [
        ['nonsense', 'unknown-id'],
        [id!.replace(/-1$/, '-2'), 'unknown-id'],
        [id!.replace(/-1$/, '-9007199254740993'), 'unknown-id'],
        ['otherEpoch-1', 'epoch'],
      ] as const) {
        const connection = connect(hub, 'a', given)
        await rest()
        expect(connection.judge.blocks).toMatchObject([{ id: given }, { event: 'gap' }, { id }])
        expect(connection.judge.gaps).toMatchObject([{ topics: ['a'], reason, from: given, to: id }])
      }
    }),
  )

  test(
    'for an hour silent or filtered: its cursor moves on, and it comes back without a gap',
    interleaving(async ({ connect, node, clock, rest }) => {
      const hub = await node({}, { topics: { a: { history: { size: 20 } }, busy: { history: { size: 20 } } } })
      const filtered = connect(hub, 'a', '', { filter: (data) => data === 'never' })
      const silent = connect(hub, ['quiet', 'silent'])
      const stale = connect(hub, ['a', 'quiet'], '', { leaveAfter: 1 })
      for (let second = 0; second < 3600; second++) {
        await hub.publish(second % 2 === 0 ? 'a' : 'busy', String(second))
        await clock.sleep(1000)
      }
      filtered.leave()
      silent.leave()
      for (const { judge } of [filtered, silent]) {
        expect(judge.items).toEqual([])
        expect(seqOf(judge.lastId)).toBeGreaterThan(3600 - 20)
      }
      const back = [
        connect(hub, 'a', filtered.judge.lastId, { filter: (data) => data === 'never' }),
        connect(hub, ['quiet', 'silent'], silent.judge.lastId),
      ]
      const old = connect(hub, ['a', 'quiet'], stale.judge.lastId)
      await rest()
      for (const { judge } of back) expect(judge.gaps).toEqual([])
      expect(old.judge.gaps).toMatchObject([{ topics: ['a'], reason: 'expired' }])
    }),
  )
})

describe('a reader on its way', () => {
  test(
    'a pattern whose topic is born during the read gets it once',
    interleaving(async ({ connect, node, rest }) => {
      let born: (() => Promise<unknown>) | undefined
      const hub = await node({
        async onRead([selector], __, read) {
          const birth = String(selector) === 't/*' ? born : undefined
          if (birth) born = undefined
          const page = await read()
          await birth?.()
          return page
        },
      })
      const first = connect(hub, pattern('t/*'))
      await hub.publish('t/1', '1')
      await rest()
      first.leave()
      await hub.publish('t/1', '2')
      born = () => hub.publish('t/2', '3')
      const resumed = connect(hub, pattern('t/*'), first.judge.lastId)
      await rest()
      expect(resumed.judge.items).toEqual(['2', '3'])
    }),
  )

  test(
    'what comes in one turn over two topics goes out in its order, in one write',
    interleaving(async ({ connect, node, rest }) => {
      const hub = await node()
      const both = connect(hub, ['a', 'b'])
      const one = connect(hub, 'b')
      const all = connect(hub, pattern('*'))
      await rest()
      await Promise.all(['a1', 'b2', 'b3', 'a4', 'c5', 'b6'].map((text) => hub.publish(text.slice(0, 1), text)))
      await rest()
      expect(both.judge.items).toEqual(['a1', 'b2', 'b3', 'a4', 'b6'])
      expect(one.judge.items).toEqual(['b2', 'b3', 'b6'])
      expect(all.judge.items).toEqual(['a1', 'b2', 'b3', 'a4', 'c5', 'b6'])
    }),
  )

  test(
    'a socket that joins, leaves or lags in mid-flush changes nothing for the others',
    interleaving(
      async ({ connect, node, clock, rest }) => {
        const hub = await node()
        const readers = Array.from({ length: 300 }, (_, n) =>
          connect(hub, ['a', 'b'], '', { keepAlive: 0, isSocket: n % 3 > 0, slow: () => (n % 7 === 0 ? 5 : 0) }),
        )
        await rest()
        let joined: Connection[] = []
        for (let round = 0; round < 20; round++) {
          await hub.publish(round % 2 === 0 ? 'a' : 'b', String(round))
          // A turn of the event loop later: the flush is under way.
          await new Promise<void>((resolve) => setImmediate(resolve))
          joined = [...joined, connect(hub, ['a', 'b'], '', { keepAlive: 0, isSocket: round % 2 === 0 })]
          readers[round * 13]?.leave()
        }
        await clock.sleep(60_000)
        expect(readers[1]?.judge.items).toHaveLength(20)
        joined.forEach(({ judge }, round) => expect(judge.items.length).toBeGreaterThanOrEqual(19 - round))
      },
      // Each look at the clock takes as long as a slice may: 32 writes, and it is another turn.
      { tick: () => 9 },
    ),
  )

  test(
    'a read that is behind takes nobody back, and gives nothing twice',
    interleaving(async ({ connect, node, rest, clock }) => {
      let head = Infinity
      const hub = await node({ onRead: async (_, __, read) => asOf(await read(), head) })
      const topics = ['a', 'b']
      const first = connect(hub, topics)
      for (const n of ['1', '2', '3', '4']) await hub.publish('b', n)
      await rest()
      first.leave()
      await hub.publish('a', '5')
      head = 2
      const resumed = connect(hub, topics, first.judge.lastId)
      await rest()
      await hub.publish('a', '6')
      head = 5
      await rest()
      head = Infinity
      await clock.sleep(1500)
      expect(resumed.judge.items).toEqual(['5', '6'])
    }),
  )

  test(
    'an engine that does not say what it dropped: the items themselves show it',
    interleaving(async ({ connect, node, rest }) => {
      const hub = await node(
        { onRead: async (_, __, read) => ({ ...(await read()), trimmed: 0 }) },
        { topics: { a: { history: { size: 2 } } } },
      )
      const first = connect(hub, ['a', 'b'])
      await rest()
      first.leave()
      for (const n of ['1', '2', '3', '4']) await hub.publish('a', n)
      const resumed = connect(hub, ['a', 'b'], first.judge.lastId)
      await rest()
      expect(resumed.judge.gaps).toMatchObject([{ topics: ['a'], reason: 'expired' }])
      expect(seqOf(resumed.judge.gaps[0]?.to)).toBe(2)
      expect(resumed.judge.items).toEqual(['3', '4'])
    }),
  )

  test(
    'told on a node that is behind of a gap beyond it, its cursor moves on all the same',
    interleaving(async ({ connect, node, clock }) => {
      const topics = { a: { history: { size: 1 } } }
      const ahead = await node({}, { topics })
      let late: (() => void)[] | undefined
      const behind = await node({ onHint: (_, deliver) => (late ? late.push(deliver) : deliver()) }, { topics })
      const first = connect(behind, ['a', 'quiet'], '', { leaveAfter: 1 })
      await clock.sleep(20)
      await behind.publish('b', '1')
      await clock.sleep(20)
      late = []
      for (const n of ['2', '3', '4']) await ahead.publish('a', n)
      const resumed = connect(behind, ['a', 'quiet'], first.judge.lastId, { keepAlive: 100 })
      await clock.sleep(20)
      expect(resumed.judge.gaps.map(({ from, to }) => [seqOf(from), seqOf(to)])).toEqual([[0, 3]])
      for (const deliver of late) deliver()
      late = undefined
      await clock.sleep(20)
      // What the log no longer has, hints brought.
      expect(resumed.judge.items).toEqual(['2', '3', '4'])
      for (let n = 0; n < 50; n++) await ahead.publish('b', String(n))
      await clock.sleep(500)
      expect(seqOf(resumed.judge.lastId)).toBe(54)
    }),
  )

  test(
    'reads pages of the new epoch after one, not those that it had read before',
    interleaving(async ({ connect, node, rest, store, clock }) => {
      const hub = await node({ lose: 1 })
      for (const n of ['1', '2', '3', '4']) await hub.publish('a', n)
      await clock.sleep(1100)
      // Somebody reads the old epoch's page.
      const old = connect(hub, 'a', '', { fromEarliest: true })
      await rest()
      expect(old.judge.items).toHaveLength(4)
      store.reset()
      await rest()
      for (const n of ['5', '6', '7']) await hub.publish('a', n)
      const earliest = connect(hub, 'a', '', { fromEarliest: true })
      await clock.sleep(1100)
      expect(earliest.judge.items).toEqual(['5', '6', '7'])
      expect(old.judge.items).toEqual(['1', '2', '3', '4', '5', '6', '7'])
    }),
  )

  test.each(['a', 'c'])(
    'told of a gap while a new epoch begins, of which %s has not heard: no item of the new one under an id of the old one',
    (behind) =>
      interleaving(async ({ connect, node, clock, store, rest }) => {
        let isOn = false
        const hub = await node(
          {
            async onRead(selectors, _, read) {
              if (!isOn || selectors.length > 1) return read()
              // The node itself hears of it last.
              if (String(selectors) === '**') await clock.sleep(30)
              // Of two topics that are read one beside the other, one is read before and one after.
              if (String(selectors) === behind) {
                const page = await read()
                await clock.sleep(10)
                return page
              }
              await clock.sleep(5)
              if (String(selectors) !== '**' && store.epochs.length === 1) {
                store.reset()
                await hub.publish(String(selectors), 'new')
              }
              return read()
            },
          },
          { topics: { a: { history: { size: 2 } } } },
        )
        const first = connect(hub, ['a', 'c'], '', { leaveAfter: 1 })
        await rest()
        for (const n of ['1', '2', '3', '4']) await hub.publish('a', n)
        isOn = true
        const resumed = connect(hub, ['a', 'c'], first.judge.lastId)
        await rest()
        expect(resumed.judge.gaps).toMatchObject([{ reason: 'epoch' }])
      })(),
  )

  test(
    'with a page that waits for its turn while a new epoch begins: it is not given out in that',
    interleaving(async ({ connect, node, store, rest }) => {
      const other = await node()
      for (const n of ['1', '2', '3', '4']) await other.publish('a', n)
      let release = (): void => {}
      let isOn = false
      const hub = await node({
        async onRead(selectors, _, read) {
          if (!isOn) return read()
          if (String(selectors) === '**') {
            await new Promise<void>((resolve) => (release = resolve))
            return read()
          }
          const page = await read()
          if (store.epochs.length > 1) return page
          store.reset()
          for (const n of ['5', '6', '7']) await other.publish('a', n)
          // Before the turn of the reader, whose page this is.
          setImmediate(() => {
            isOn = false
            release()
          })
          return page
        },
      })
      await rest()
      isOn = true
      const reader = connect(hub, 'a', `${store.epoch}-0`, { fromEarliest: true })
      await rest()
      expect(reader.judge.items).toEqual(['5', '6', '7'])
    }),
  )

  test(
    'for which something comes just as its silence is broken: its id does not step back',
    interleaving(
      async ({ connect, node, clock, rest }) => {
        // Its look at the clock is where the silence ends, between an item's coming and its being written.
        const hub = await node({
          onHint(_, deliver) {
            performance.now()
            deliver()
          },
        })
        let { lastId } = connect(hub, ['a', 'b'], hub.lastEventId, { leaveAfter: 1 }).judge
        await rest()
        // At any moment around the one at which the silence has lasted long enough.
        for (let moment = 85; moment < 135; moment += 0.4) {
          await hub.publish('other', 'x')
          const reader = connect(hub, ['a', 'b'], lastId, { keepAlive: 100, isSocket: true })
          await clock.sleep(10)
          await hub.publish('a', 'x')
          await clock.sleep(moment)
          await hub.publish('a', 'x')
          await clock.sleep(5)
          await reader.judge.complete()
          reader.leave()
          await expect(reader.over).resolves.toBeUndefined()
          lastId = reader.judge.lastId
        }
      },
      { tick: () => 1.6 },
    ),
  )

  test(
    'as a loop it may take its time, also where slow readers are sent away',
    interleaving(async ({ connect, node, clock }) => {
      const hub = await node({}, { whenSlow: 'disconnect', maxLag: 1000 })
      const loop = connect(hub, 'a', hub.lastEventId, { isLoop: true, slow: () => 20 })
      await clock.sleep(100)
      for (let n = 0; n < 100; n++) {
        await hub.publish('a', String(n))
        await clock.sleep(1)
      }
      await clock.sleep(3000)
      expect(loop.judge.items).toHaveLength(100)
    }),
  )
})

describe('a snapshot', () => {
  const slow =
    (stage: Stage, calls: string[], withId = false, time = 30) =>
    async (topic: string) => {
      calls.push(topic)
      const { store, clock } = stage
      await clock.sleep(time / 2)
      const data = state(topic, store)
      await clock.sleep(time / 2)
      return new SseItem(data, { event: 'snapshot', ...(withId && { id: `${store.epoch}-${(JSON.parse(data) as { seq: number }).seq}` }) })
    }

  test(
    'comes first, and no update is lost between it and what is live',
    interleaving(async (stage) => {
      const { connect, node, clock } = stage
      const calls: string[] = []
      const hub = await node({}, { topics: { a: { snapshot: slow(stage, calls) } } })
      await hub.publish('a', 'before')
      const connection = connect(hub, 'a', '', { hasSnapshot: () => true })
      for (let n = 0; n < 8; n++) {
        await clock.sleep(5)
        await hub.publish('a', String(n))
      }
      await clock.sleep(50)
      expect(calls).toEqual(['a'])
      expect(connection.judge.blocks.map(({ event }) => event).indexOf('snapshot')).toBe(1)
      expect(connection.judge.items).toEqual(['0', '1', '2', '3', '4', '5', '6', '7'])
    }),
  )

  test(
    'that names its position: the value never steps back',
    interleaving(async (stage) => {
      const { connect, node, clock } = stage
      const calls: string[] = []
      const hub = await node({}, { topics: { a: { snapshot: slow(stage, calls, true) } } })
      const options = { hasSnapshot: (topic: string) => topic === 'a', snapshotsHaveIds: true }
      const connection = connect(hub, ['a', 'b'], '', options)
      for (let n = 0; n < 8; n++) {
        await clock.sleep(5)
        await hub.publish('a', String(n))
        await hub.publish('b', `b${n}`)
      }
      await clock.sleep(50)
      const { items } = connection.judge
      expect(items.filter((text) => text.startsWith('b'))).toHaveLength(8)
      expect(items.filter((text) => !text.startsWith('b')).length).toBeLessThan(8)
    }),
  )

  test(
    'is made once for 500 readers after a new epoch',
    interleaving(async (stage) => {
      const { connect, node, store, rest, clock } = stage
      const calls: string[] = []
      const hub = await node({}, { topics: { a: { snapshot: slow(stage, calls) } } })
      const readers = Array.from({ length: 500 }, () => connect(hub, 'a', '', { hasSnapshot: () => true }))
      await rest()
      expect(calls).toEqual(['a'])
      store.reset()
      await clock.sleep(200)
      expect(calls).toEqual(['a', 'a'])
      for (const { judge } of readers) expect(judge.blocks.filter(({ event }) => event === 'snapshot')).toHaveLength(2)
    }),
  )

  test(
    'asked for before a new epoch is not given out in it',
    interleaving(async (stage) => {
      const { connect, node, store, rest } = stage
      const calls: string[] = []
      const hub = await node({}, { topics: { a: { snapshot: slow(stage, calls, false, 60) } } })
      for (const n of ['1', '2', '3']) await hub.publish('a', n)
      connect(hub, 'a', '', { hasSnapshot: () => true })
      // Its state has been read, and is on its way.
      await stage.clock.sleep(35)
      store.reset()
      await hub.publish('a', 'new')
      await stage.clock.sleep(15)
      connect(hub, 'a', '', { hasSnapshot: () => true })
      await rest()
      expect(calls.length).toBe(2)
    }),
  )

  test(
    'after a gap has everything in it that was missed: one that was asked for before is not enough',
    interleaving(async (stage) => {
      const { connect, node, clock } = stage
      const calls: string[] = []
      const hub = await node({}, { topics: { a: { history: { size: 1 }, snapshot: slow(stage, calls, false, 60) } } })
      const options = { hasSnapshot: () => true }
      connect(hub, 'a', '', options)
      await clock.sleep(35)
      for (const n of ['1', '2', '3', '4']) await hub.publish('a', n)
      const resumed = connect(hub, 'a', `${stage.store.epoch}-0`, options)
      await clock.sleep(200)
      expect(resumed.judge.blocks.map(({ event, data, id }) => event ?? data ?? seqOf(id))).toEqual([0, 'gap', 'snapshot', '4'])
    }),
  )

  test(
    'follows the gap of its topic, and only of that',
    interleaving(async (stage) => {
      const { connect, node, rest } = stage
      const calls: string[] = []
      const hub = await node(
        {},
        { topics: { a: { history: { size: 1 }, snapshot: slow(stage, calls) }, b: { snapshot: slow(stage, calls) } } },
      )
      const options = { hasSnapshot: () => true }
      const first = connect(hub, ['a', 'b'], '', options)
      await rest()
      first.leave()
      calls.length = 0
      for (const n of ['1', '2', '3']) await hub.publish('a', n)
      await hub.publish('b', 'b4')
      const resumed = connect(hub, ['a', 'b'], first.judge.lastId, options)
      await rest()
      expect(calls).toEqual(['a'])
      expect(resumed.judge.blocks.map(({ event, data, id }) => event ?? data ?? seqOf(id))).toEqual([0, 'gap', 'snapshot', '3', 'b4'])
    }),
  )

  test('that throws ends the stream, and is reported', async () => {
    const failure = new Error('The database is away')
    const hub = createHub({
      topics: {
        a: {
          snapshot: () => {
            throw failure
          },
        },
      },
    })
    const errors: unknown[] = []
    const ids: string[] = []
    const response = sse(hub.subscribe('a'), { request: new Request('http://a.test/'), onError: (error) => void errors.push(error) })
    for await (const item of parseEventStream(response, { onId: (id) => void ids.push(id) })) expect(item).toBe('none')
    expect(errors).toEqual([failure])
    // It comes back, and is owed its snapshot.
    expect(ids).toEqual([expect.stringMatching(/-0!$/)])
    await expect(hub.subscribe('a')[Symbol.asyncIterator]().next()).rejects.toBe(failure)
    expect(hub.stats().connections).toBe(0)
    await hub.close()
  })
})
