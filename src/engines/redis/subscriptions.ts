import type { Selector } from '../../protocol/topic.js'
import { nextTask } from '../../util/wait.js'
import type { Connection, Kind } from './connection.js'
import { channelOf } from './globs.js'

// With one command.
const MOST = 1000
const KINDS = ['channel', 'pattern'] as const

/** Which channels this node listens to: all, until somebody says what is followed. */
export interface Subscriptions {
  follow(selectors: readonly Selector[]): () => void
  /** Of a new connection, which has none. Resolves when all are confirmed. */
  begin(connection: Connection): Promise<void>
  end(): void
}

export function createSubscriptions(prefix: string, onError: (error: unknown) => void): Subscriptions {
  /** How many want each. */
  const wanted: Record<Kind, Map<string, number>> = { channel: new Map([[`${prefix}h`, 1]]), pattern: new Map([[`${prefix}c:*`, 1]]) }
  const active: Record<Kind, Set<string>> = { channel: new Set(), pattern: new Set() }
  // Only these are looked at: a node may follow a hundred thousand topics when one more comes.
  const changed: Record<Kind, Set<string>> = { channel: new Set(), pattern: new Set() }
  let isNarrow = false
  let connection: Connection | undefined
  let planned = false

  function want(kind: Kind, name: string, more: 1 | -1): void {
    const count = (wanted[kind].get(name) ?? 0) + more
    if (count > 0) wanted[kind].set(name, count)
    else wanted[kind].delete(name)
    changed[kind].add(name)
  }

  /** Once per turn of the event loop, however many readers have come and gone in it. */
  function plan(): void {
    if (planned || !connection) return
    planned = true
    void nextTask().then(async () => {
      planned = false
      const open = connection
      await change().catch((error: unknown) => {
        // Of one that is lost by now it says nothing new.
        if (connection === open) onError(error)
      })
    })
  }

  async function change(): Promise<void> {
    const open = connection
    if (!open) return
    const work: Promise<unknown>[] = []
    for (const kind of KINDS) {
      const news: string[] = []
      const olds: string[] = []
      for (const name of changed[kind]) {
        const isWanted = wanted[kind].has(name)
        if (isWanted === active[kind].has(name)) continue
        if (isWanted) active[kind].add(name)
        else active[kind].delete(name)
        ;(isWanted ? news : olds).push(name)
      }
      changed[kind].clear()
      // First what is new: in between nothing is missed.
      for (let at = 0; at < news.length; at += MOST) work.push(open.subscribe(kind, news.slice(at, at + MOST)))
      for (let at = 0; at < olds.length; at += MOST) work.push(open.unsubscribe(kind, olds.slice(at, at + MOST)))
    }
    await Promise.all(work)
  }

  return {
    follow(selectors) {
      // From the first call on.
      if (!isNarrow) want('pattern', `${prefix}c:*`, -1)
      isNarrow = true
      const mine = selectors.map((selector) => {
        const { kind, name } = channelOf(selector)
        return { kind, name: `${prefix}c:${name}` }
      })
      for (const { kind, name } of mine) want(kind, name, 1)
      plan()
      let stopped = false
      return () => {
        if (stopped) return
        stopped = true
        for (const { kind, name } of mine) want(kind, name, -1)
        plan()
      }
    },
    async begin(open) {
      connection = open
      for (const kind of KINDS) {
        active[kind].clear()
        changed[kind].clear()
        for (const name of wanted[kind].keys()) changed[kind].add(name)
      }
      try {
        await change()
      } catch (error) {
        // It is given up: nothing more is asked of it.
        if (connection === open) connection = undefined
        throw error
      }
    },
    end() {
      connection = undefined
    },
  }
}
