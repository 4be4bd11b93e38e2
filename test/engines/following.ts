import type { Engine, Passed, StoredItem } from '../../src/engines/engine.js'
import { memoryEngine, type MemoryOptions } from '../../src/engines/memory.js'
import { SseError } from '../../src/errors.js'
import { selects, type Selector } from '../../src/protocol/topic.js'
import { sharedNodes } from '../hub/shared-nodes.js'

/** A store that several engines share: each carries only what is followed at it whole, and knows of the others. */
export function followingStore(options: MemoryOptions = {}): { node(): Engine } {
  const inner = memoryEngine(options)
  const shared = sharedNodes()

  function node(): Engine {
    const followed = new Set<readonly Selector[]>()
    let isPartial = false
    let closed = false
    const stops = new Set<() => void>()
    const whileOpen =
      <A extends unknown[], T>(work: (...asked: A) => Promise<T>) =>
      async (...asked: A): Promise<T> => {
        if (closed) throw new SseError('SSE_CLOSED', 'It is closed')
        return work(...asked)
      }
    const isWhole = ({ topic }: StoredItem): boolean => !isPartial || [...followed].some((selectors) => selects(selectors, topic))

    return {
      supports: { durable: true, shared: true, transactions: false },
      open: whileOpen(inner.open),
      append: whileOpen(inner.append),
      read: whileOpen(inner.read),
      topics: whileOpen(inner.topics!),
      watch(onItems, onReset, onPassed) {
        const stop = inner.watch((items, through) => {
          const passed: Passed[] = items.filter((item) => !isWhole(item)).map(({ seq, prev, topic }) => ({ seq, prev, topic }))
          if (passed.length < items.length || !onPassed) onItems(items.filter(isWhole), through)
          if (passed.length > 0) onPassed?.(passed)
        }, onReset)
        stops.add(stop)
        return stop
      },
      follow(selectors) {
        isPartial = true
        const row = [...selectors]
        followed.add(row)
        return () => void followed.delete(row)
      },
      nodes: shared.node(),
      async close() {
        closed = true
        for (const stop of stops) stop()
      },
    }
  }

  return { node }
}
