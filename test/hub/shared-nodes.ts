import { SseError } from '../../src/errors.js'
import type { Nodes } from '../../src/engines/nodes.js'

export type Link = 'here' | 'rejects' | 'hangs'

/** One node's way to what the nodes share. */
export interface SharedNode extends Nodes {
  /** What is asked from now on is answered, or rejected, or never answered. */
  become(link: Link): void
  readonly link: Link
}

/** What nodes know of each other, kept in one place that each reaches over a link of its own. */
export interface SharedNodes {
  /** @param delay How long what is asked takes, there and back. */
  node(delay?: () => number): SharedNode
  /** What is taken now. */
  readonly taken: ReadonlyMap<string, number>
  /** The most that was ever taken of a key at once. */
  readonly most: ReadonlyMap<string, number>
}

const NOTE_LASTS = 5000

export function sharedNodes(): SharedNodes {
  const messages: string[] = []
  const taken = new Map<string, number>()
  const most = new Map<string, number>()
  const passed = new Map<string, { second: number; count: number }>()
  const notes = new Map<SharedNode, { text: string; until: number }>()
  const deliveries = new Set<() => void>()

  function add(key: string, count: number): void {
    const now = (taken.get(key) ?? 0) + count
    if (now < 0) throw new Error(`More was given back of ${key} than was taken`)
    if (now === 0) taken.delete(key)
    else taken.set(key, now)
    most.set(key, Math.max(now, most.get(key) ?? 0))
  }

  function node(delay: () => number = () => 0): SharedNode {
    let link: Link = 'here'
    let heard = messages.length
    const listeners = new Set<(message: string) => void>()
    const late: (() => void)[] = []
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, delay()))

    async function ask<T>(work: () => T): Promise<T> {
      await pause()
      if (link === 'rejects') throw new SseError('SSE_ENGINE', 'The store is away')
      if (link === 'hangs') return new Promise<T>(() => {})
      const result = work()
      await pause()
      return result
    }

    function deliver(): void {
      if (link !== 'here') return
      for (; heard < messages.length; heard++) for (const listener of listeners) listener(messages[heard] as string)
    }
    deliveries.add(deliver)

    const self: SharedNode = {
      get link() {
        return link
      },
      become(next) {
        link = next
        if (link !== 'here') return
        for (const give of late.splice(0)) give()
        deliver()
      },
      tell: (message) =>
        ask(() => {
          messages.push(message)
          for (const each of deliveries) setTimeout(each, delay())
        }),
      hear(listener) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
      take: (counts) =>
        ask(() => {
          const full = counts.findIndex(({ key, limit }) => (taken.get(key) ?? 0) >= limit)
          if (full < 0) for (const { key } of counts) add(key, 1)
          return full
        }),
      give(keys) {
        const work = (): void => {
          for (const key of keys) add(key, -1)
        }
        if (link === 'here') work()
        else late.push(work)
      },
      pass: (key, limit) =>
        ask(() => {
          const second = Math.floor(Date.now() / 1000)
          const known = passed.get(key)
          const count = known?.second === second ? known.count + 1 : 1
          passed.set(key, { second, count })
          return count <= limit
        }),
      note: (text) => ask(() => void notes.set(self, { text, until: Date.now() + NOTE_LASTS })),
      notes: () => ask(() => [...notes].filter(([of, { until }]) => of !== self && until > Date.now()).map(([, { text }]) => text)),
    }
    return self
  }

  return { node, taken, most }
}
