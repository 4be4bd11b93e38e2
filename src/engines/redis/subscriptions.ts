import { keyOf, type Selector } from '../../protocol/topic.js'
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
  const followed = new Map<string, { readonly selector: Selector; count: number }>()
  let isNarrow = false
  let connection: Connection | undefined
  let planned = false
  const active: Record<Kind, Set<string>> = { channel: new Set(), pattern: new Set() }

  function wanted(): Record<Kind, Set<string>> {
    const names: Record<Kind, Set<string>> = { channel: new Set([`${prefix}h`]), pattern: new Set() }
    if (!isNarrow) names.pattern.add(`${prefix}c:*`)
    for (const { selector } of followed.values()) {
      const { kind, name } = channelOf(selector)
      names[kind].add(`${prefix}c:${name}`)
    }
    return names
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
    const names = wanted()
    const work: Promise<unknown>[] = []
    for (const kind of KINDS) {
      const news = [...names[kind]].filter((name) => !active[kind].has(name))
      const olds = [...active[kind]].filter((name) => !names[kind].has(name))
      // First what is new: in between nothing is missed.
      for (let at = 0; at < news.length; at += MOST) work.push(open.subscribe(kind, news.slice(at, at + MOST)))
      for (let at = 0; at < olds.length; at += MOST) work.push(open.unsubscribe(kind, olds.slice(at, at + MOST)))
      active[kind] = names[kind]
    }
    await Promise.all(work)
  }

  return {
    follow(selectors) {
      isNarrow = true
      const mine = selectors.map((selector) => {
        const key = keyOf(selector)
        const one = followed.get(key) ?? { selector, count: 0 }
        one.count++
        followed.set(key, one)
        return { key, one }
      })
      plan()
      let stopped = false
      return () => {
        if (stopped) return
        stopped = true
        for (const { key, one } of mine) if (--one.count === 0) followed.delete(key)
        plan()
      }
    },
    begin(open) {
      connection = open
      for (const kind of KINDS) active[kind] = new Set()
      return change()
    },
    end() {
      connection = undefined
    },
  }
}
