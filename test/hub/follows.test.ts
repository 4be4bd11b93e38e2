import { describe, expect, test } from 'vitest'
import type { Engine, Passed, StoredItem } from '../../src/engines/engine.js'
import { memoryEngine } from '../../src/engines/memory.js'
import { createHub, pattern, type Hub } from '../../src/hub/index.js'
import { connectTo, type Connection } from './client.js'
import { faultyStore, randomFrom, type Faults, type Store } from './faulty-engine.js'
import { inVirtualTime, type Clock } from './virtual-time.js'

interface Stage {
  readonly clock: Clock
  readonly store: Store
  node(faults?: Faults): Promise<Hub>
  connect(hub: Hub, topics: Parameters<Hub['subscribe']>[0], given?: string): Connection
}

/** Nodes to which only what they follow comes whole, in time of its own. In the end all connections must have everything. */
function stage(run: (stage: Stage) => Promise<void>): () => Promise<void> {
  return () =>
    inVirtualTime(async (clock) => {
      const store = faultyStore(randomFrom(1))
      const hubs: Hub[] = []
      const connections: Connection[] = []
      await run({
        clock,
        store,
        async node(faults) {
          const hub = createHub({ engine: store.node({ follow: {}, ...faults }), onError: () => {} })
          hubs.push(hub)
          await hub.ready
          await clock.sleep(50)
          return hub
        },
        connect(hub, topics, given = '') {
          const connection = connectTo(hub, { store, topics, given })
          connections.push(connection)
          return connection
        },
      })
      await clock.sleep(100)
      for (const { judge, isOpen } of connections) if (isOpen) await judge.complete()
      for (const connection of connections) connection.leave()
      await Promise.all(connections.map(({ over }) => over))
      for (const hub of hubs) await hub.close()
    })
}

describe('a node to which only what it follows comes whole', () => {
  test(
    'sends a reader that comes with an older position to the log: the ring does not hold what nobody followed',
    stage(async ({ clock, node, connect }) => {
      const hub = await node()
      const other = connect(hub, 'b')
      const { id } = await hub.publish('b', 'b')
      await clock.sleep(10)
      // Larger than a page of the log together: after the first one the ring is looked at.
      for (let n = 0; n < 6; n++) await hub.publish('a', `${n}`.padEnd(30_000))
      await clock.sleep(10)
      const late = connect(hub, 'a', id!)
      await clock.sleep(100)
      expect(late.judge.items.map(Number)).toEqual([0, 1, 2, 3, 4, 5])
      expect(other.judge.items).toEqual(['b'])
    }),
  )

  test(
    'settles what passes, and keeps silent connections at their position',
    stage(async ({ clock, node, connect, store }) => {
      const hub = await node()
      const { judge } = connect(hub, 'b')
      await clock.sleep(10)
      const before = store.reads
      for (let n = 0; n < 100; n++) await hub.publish(`a/${n}`, 'x')
      await clock.sleep(1)
      expect(hub.lastEventId).toMatch(/-100$/)
      expect(store.reads).toBe(before)
      await clock.sleep(20_000)
      // With the keep-alive.
      expect(judge.blocks.at(-1)).toEqual({ id: expect.stringMatching(/-100$/) })
    }),
  )

  test(
    'reads the log for what passes before its following has taken effect, in order',
    stage(async ({ clock, node, connect }) => {
      const hub = await node({ follow: { late: 500 } })
      await clock.sleep(2000)
      const { judge } = connect(hub, 'a')
      await clock.sleep(1)
      for (let n = 0; n < 10; n++) {
        await hub.publish('a', String(n))
        await hub.publish('b', 'b')
      }
      await clock.sleep(5)
      expect(judge.items).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
    }),
  )

  test(
    'reads the log once for many items that have passed at once',
    stage(async ({ clock, node, connect, store }) => {
      let isCut = false
      const deliveries: (() => void)[] = []
      const hub = await node({ follow: { pass: 1 }, onHint: (_, deliver) => (isCut ? void deliveries.push(deliver) : deliver()) })
      const connections = Array.from({ length: 50 }, (_, n) => connect(hub, `a/${n}`))
      await clock.sleep(10)
      isCut = true
      for (let n = 0; n < 500; n++) await hub.publish(`a/${n % 50}`, String(n))
      await clock.sleep(1)
      isCut = false
      const before = store.reads
      for (const deliver of deliveries) deliver()
      await clock.sleep(100)
      expect(store.reads - before).toBe(1)
      expect(connections.flatMap(({ judge }) => judge.items)).toHaveLength(500)
    }),
  )

  test(
    'has a reader of another topic wait for a read that leaves it out',
    stage(async ({ clock, node, connect }) => {
      let isSlow = false
      const hub = await node({
        lose: 1,
        async onRead(selectors, _, read) {
          // The node's own: it reads what is followed.
          if (isSlow && selectors.length === 1) await clock.sleep(500)
          return read()
        },
      })
      const first = connect(hub, 'a')
      await clock.sleep(10)
      isSlow = true
      await hub.publish('a', 'a')
      // The look of every second has begun.
      await clock.sleep(1050)
      const second = connect(hub, 'b')
      await clock.sleep(1)
      // That read will go past this one.
      await hub.publish('b', 'b')
      isSlow = false
      await clock.sleep(2500)
      expect(first.judge.items).toEqual(['a'])
      expect(second.judge.items).toEqual(['b'])
    }),
  )
})

describe('what is followed from now on', () => {
  test(
    'is live in a new epoch at once, however far the old one was',
    stage(async ({ clock, node, connect, store }) => {
      const hub = await node()
      for (let n = 0; n < 20; n++) await hub.publish('b', 'b')
      const { judge } = connect(hub, 'a')
      await clock.sleep(10)
      store.reset()
      await clock.sleep(1000)
      await hub.publish('a', 'again')
      await clock.sleep(100)
      const before = store.reads
      await clock.sleep(900)
      expect(judge.items).toEqual(['again'])
      expect(judge.gaps).toMatchObject([{ reason: 'epoch' }])
      // The look of every second, and nothing else.
      expect(store.reads - before).toBeLessThan(3)
    }),
  )
})

describe('what is followed', () => {
  /** What an engine is asked to follow, as it goes. */
  function watched(): { engine: Engine; following: () => string[]; log: string[]; pass: (items: readonly Passed[]) => void } {
    const inner = memoryEngine()
    const active = new Map<object, string>()
    const log: string[] = []
    let onPassed: ((items: readonly Passed[]) => void) | undefined
    const engine: Engine = {
      ...inner,
      watch(onItems, onReset, passed) {
        onPassed = passed
        return inner.watch((items: readonly StoredItem[], through) => onItems(items, through), onReset)
      },
      follow(selectors) {
        const key = {}
        const name = selectors.map(String).join()
        log.push(`+${name}`)
        active.set(key, name)
        return () => {
          if (active.delete(key)) log.push(`-${name}`)
        }
      },
    }
    return { engine, log, following: () => [...active.values()].filter((name) => name !== '').sort(), pass: (items) => onPassed?.(items) }
  }

  const read = (hub: Hub, topics: Parameters<Hub['subscribe']>[0]): (() => void) => {
    const iterator = hub.subscribe(topics)[Symbol.asyncIterator]()
    iterator.next().catch(() => {})
    return () => void iterator.return?.()
  }

  test('is what readers follow, each once; nothing at the start, and nothing some time after the last has left', () =>
    inVirtualTime(async (clock) => {
      const { engine, following, log } = watched()
      const hub = createHub({ engine })
      expect(log).toEqual(['+'])
      const leave = [read(hub, 'a'), read(hub, 'a'), read(hub, ['a', 'b']), read(hub, pattern('c/*'))]
      expect(following()).toEqual(['a', 'b', 'c/*'])
      leave[0]?.()
      leave[1]?.()
      leave[3]?.()
      await clock.sleep(4000)
      expect(following()).toEqual(['a', 'b', 'c/*'])
      await clock.sleep(2000)
      expect(following()).toEqual(['a', 'b'])
      leave[2]?.()
      await clock.sleep(3000)
      // Whoever comes back within that finds it still followed.
      const again = read(hub, 'a')
      await clock.sleep(3000)
      expect(following()).toEqual(['a'])
      expect(log).toEqual(['+', '+a', '+b', '+c/*', '-c/*', '-b'])
      again()
      await clock.sleep(6000)
      expect(following()).toEqual([])
      await hub.close()
    }))

  test('ends with the hub', () =>
    inVirtualTime(async () => {
      const { engine, following } = watched()
      const hub = createHub({ engine })
      read(hub, ['a', 'b'])
      await hub.close()
      expect(following()).toEqual([])
    }))

  test('costs nothing for topics that only pass, however many', () =>
    inVirtualTime(async (clock) => {
      const { engine, pass } = watched()
      const hub = createHub({ engine })
      for (let n = 1; n <= 100_000; n++) pass([{ seq: n, prev: 0, topic: `t/${n}` }])
      await clock.sleep(1)
      expect(hub.lastEventId).toMatch(/-100000$/)
      expect(hub.stats().topics).toBe(0)
      await hub.close()
    }))
})
