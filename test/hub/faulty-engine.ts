import type { AppendOptions, Appended, Engine, Page, Passed, ReadOptions, StoredItem } from '../../src/engines/engine.js'
import { memoryEngine, type MemoryOptions } from '../../src/engines/memory.js'
import { selects, type Selector } from '../../src/protocol/topic.js'

/** What goes wrong between a node and its store. Shares are 0 to 1, times milliseconds. */
export interface Faults {
  /** How many hints never come. */
  readonly lose?: number
  /** How many come twice. */
  readonly double?: number
  /** By how much they are late at most, each by another time: so they come out of order. */
  readonly late?: number
  /** How long a read waits at most before it is done, and how long its answer takes. */
  readonly readDelay?: number
  /** How long an append waits at most, and how long its answer takes. */
  readonly appendDelay?: number
  /** How many answers to reads are those of an earlier moment. */
  readonly stale?: number
  /** By how much the news of a new epoch is late. */
  readonly resetDelay?: number
  /** How many reads fail. */
  readonly fail?: number
  /**
   * Only followed topics come whole: by how much following and its end take effect late at most, and how many items of followed topics
   * come as passed all the same.
   */
  readonly follow?: { readonly late?: number; readonly pass?: number } | undefined
  /** Decides by itself when hints come. */
  readonly onHint?: (items: readonly StoredItem[], deliver: () => void) => void
  /** Stands between a read and its answer. */
  readonly onRead?: (selectors: readonly Selector[], after: number, read: () => Promise<Page>) => Promise<Page>
}

/** One log that several nodes share, each with hints of its own. */
export interface Store {
  /** A node's engine. Closing it closes nothing for the others. */
  node(faults?: Faults): Engine
  /** The store is emptied, and begins a new epoch. */
  reset(): void
  /** All that was ever stored, epoch by epoch, whether it is still held or not. */
  readonly epochs: readonly { readonly epoch: string; readonly items: readonly StoredItem[] }[]
  readonly epoch: string
  readonly head: number
  /** Whether the log has it by now. */
  holds(item: StoredItem): Promise<boolean>
  /** What the log says was dropped of a selector. */
  trimmed(selector: Selector): Promise<number>
  /** How many reads were asked for. */
  readonly reads: number
}

interface Watcher {
  hint(items: readonly StoredItem[], through: number): void
  reset(epoch: string): void
}

export function faultyStore(random: () => number, options: MemoryOptions = {}): Store {
  const epochs: { epoch: string; items: StoredItem[] }[] = []
  const watchers = new Set<Watcher>()
  let inner = begin()
  let reads = 0

  function begin(): Engine {
    const engine = memoryEngine(options)
    epochs.push({ epoch: engine.opened?.epoch ?? '', items: [] })
    engine.watch(
      (items, through) => {
        epochs.at(-1)?.items.push(...items)
        for (const watcher of watchers) watcher.hint(items, through)
      },
      () => {},
    )
    return engine
  }

  const current = (): { epoch: string; items: StoredItem[] } => epochs.at(-1) as { epoch: string; items: StoredItem[] }

  async function look(selectors: readonly Selector[], after = 0): Promise<Page> {
    return inner.read(selectors, after, { limit: Infinity, bytes: Infinity })
  }

  function node(faults: Faults = {}): Engine {
    const { lose = 0, double = 0, late = 0, readDelay = 0, appendDelay = 0, stale = 0, resetDelay = 0, fail = 0 } = faults
    const { onHint = (_, deliver) => deliver(), onRead = (_, __, read) => read() } = faults
    const chance = (share: number): boolean => share > 0 && random() < share
    const pause = async (most: number): Promise<void> => {
      if (most > 0) await new Promise((resolve) => setTimeout(resolve, random() * most))
    }
    const stops = new Set<() => void>()
    // What is followed, as far as it has taken effect; `undefined` before the first call.
    let followed: Set<readonly Selector[]> | undefined
    const { late: lateFollow = 0, pass = 0 } = faults.follow ?? {}
    // One process's publishes keep their order.
    let last: Promise<unknown> = Promise.resolve()

    async function append(topic: string, fields: StoredItem['fields'], options: AppendOptions): Promise<Appended | null> {
      const before = last
      const done = (async () => {
        await before
        await pause(appendDelay)
        return inner.append(topic, fields, options)
      })()
      last = done.catch(() => {})
      const appended = await done
      await pause(appendDelay)
      return appended
    }

    async function read(selectors: readonly Selector[], after: number, options: ReadOptions): Promise<Page> {
      reads++
      await pause(readDelay)
      if (chance(fail)) throw new Error('The store is out of reach')
      const page = await onRead(selectors, after, () => inner.read(selectors, after, options))
      await pause(readDelay)
      return chance(stale) ? asOf(page, page.head - Math.ceil(random() * 5)) : page
    }

    function follow(selectors: readonly Selector[]): () => void {
      const row = [...selectors]
      void pause(lateFollow).then(() => (followed ??= new Set()).add(row))
      // Safe to call twice, and before it has taken effect.
      return () => void pause(lateFollow).then(() => setTimeout(() => followed?.delete(row), lateFollow))
    }

    const isPassed = ({ topic }: StoredItem): boolean =>
      followed !== undefined && (![...followed].some((selectors) => selects(selectors, topic)) || chance(pass))

    function watch(
      onItems: (items: readonly StoredItem[], through: number) => void,
      onReset: (epoch: string) => void,
      onPassed: (items: readonly Passed[]) => void = () => {},
    ): () => void {
      const give = (items: readonly StoredItem[], through: number): void => {
        const passed = items.filter(isPassed)
        if (passed.length < items.length || items.length === 0)
          onItems(
            items.filter((item) => !passed.includes(item)),
            through,
          )
        if (passed.length > 0) onPassed(passed.map(({ seq, prev, topic }) => ({ seq, prev, topic })))
      }
      const pending = new Set<ReturnType<typeof setTimeout>>()
      // Before the news of a new epoch nothing is told of it, after them nothing of the old one.
      let news: { readonly epoch: string; held: (() => void)[] } | undefined
      const soon = (most: number, run: () => void): void => {
        if (most === 0) return run()
        const timer = setTimeout(() => {
          pending.delete(timer)
          run()
        }, random() * most)
        pending.add(timer)
      }
      const tell = (items: readonly StoredItem[], through: number): void => {
        const run = (): void => soon(late, () => onHint(items, () => give(items, through)))
        if (news) news.held.push(run)
        else run()
      }
      const watcher: Watcher = {
        hint(items, through) {
          if (!chance(lose)) tell(items, through)
          if (chance(double)) tell(items, through)
        },
        reset(epoch) {
          const isOnItsWay = news !== undefined
          // What was held back is of an epoch that is over by now.
          news = { epoch, held: [] }
          if (isOnItsWay) return
          const arrive = (): void => {
            const { epoch, held } = news as NonNullable<typeof news>
            news = undefined
            for (const timer of pending) clearTimeout(timer)
            pending.clear()
            onReset(epoch)
            for (const run of held) run()
          }
          if (resetDelay === 0) arrive()
          else setTimeout(() => watchers.has(watcher) && arrive(), random() * resetDelay)
        },
      }
      watchers.add(watcher)
      const stop = (): void => {
        watchers.delete(watcher)
        for (const timer of pending) clearTimeout(timer)
      }
      stops.add(stop)
      return stop
    }

    return {
      supports: { durable: false, shared: true, transactions: false },
      async open() {
        await pause(readDelay)
        const { epoch, items } = current()
        const head = items.length
        await pause(readDelay)
        return { epoch, head }
      },
      append,
      read,
      watch,
      ...(faults.follow && { follow }),
      async topics(selectors) {
        await pause(readDelay)
        return (await inner.topics?.(selectors)) ?? []
      },
      async close() {
        for (const stop of stops) stop()
      },
    }
  }

  return {
    node,
    reset() {
      inner = begin()
      for (const watcher of watchers) watcher.reset(current().epoch)
    },
    epochs,
    get epoch() {
      return current().epoch
    },
    get head() {
      return current().items.length
    },
    async holds({ seq, topic }) {
      return (await look([topic], seq - 1)).items[0]?.seq === seq
    },
    trimmed: async (selector) => (await look([selector])).trimmed,
    get reads() {
      return reads
    },
  }
}

/** A page as a replica gives it that has come only so far. */
export function asOf(page: Page, head: number): Page {
  const end = Math.max(0, Math.min(head, page.head))
  return {
    ...page,
    head: end,
    through: Math.min(page.through, end),
    trimmed: Math.min(page.trimmed, end),
    items: page.items.filter(({ seq }) => seq <= end),
  }
}

/** What a selector selects. */
export function selected(selectors: readonly Selector[], items: readonly StoredItem[]): StoredItem[] {
  return items.filter(({ topic }) => selects(selectors, topic))
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
