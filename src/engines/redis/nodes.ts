import { randomName } from '../../util/text.js'
import type { Nodes } from '../nodes.js'
import type { Connection } from './connection.js'
import { BEAT, GIVE, HEAR, LEAVE, NOTES, PASS, STATE, TAKE, TELL } from './node-scripts.js'
import { runSurely, type Script } from './scripts.js'
import { away, failed } from './words.js'

// For how long a node that says nothing is still believed to be there; and how often it says so.
const LEASE = 15_000
const NOTE_LEASE = 5500
const BEATS = 1500

export interface NodesOptions {
  readonly key: string
  readonly connection: () => Connection | undefined
  readonly reason: () => unknown
  /** The arguments of scripts that look at the store. */
  readonly head: () => readonly string[]
}

export interface NodesOfRedis extends Nodes {
  /** From here on what is told is heard. */
  open(): Promise<void>
  /** There is a connection, to a store that may have forgotten this node. */
  up(): void
  down(): void
  /** Somebody has told something, or may have. */
  look(): void
  /** The store has begun anew. */
  renew(): void
  leave(): Promise<void>
}

export function createNodes({ key, connection, reason, head }: NodesOptions): NodesOfRedis {
  const me = randomName(12)
  const listeners = new Set<(message: string) => void>()
  /** What this node has taken: the truth, of which the store has a copy. */
  const held = new Map<string, number>()
  let note = ''
  let beat: ReturnType<typeof setInterval> | undefined
  // Statements of all that is held; what was under way meanwhile may have been overwritten.
  let statements = 0
  let stated: Promise<unknown> | undefined
  let heard: string | undefined
  let hearing: Promise<void> | undefined
  let isAskedAgain = false

  async function ask(script: Script, ...args: readonly string[]): Promise<unknown> {
    const open = connection()
    if (!open) throw away('The nodes of the hub are not asked', reason())
    try {
      return await runSurely(open, script, key, args)
    } catch (error) {
      throw connection() === open ? failed('The nodes of the hub are not asked', error) : away('The nodes of the hub are not asked', error)
    }
  }

  /** Says all that is held. */
  function state(): Promise<unknown> {
    statements++
    const counts = [...held].flatMap(([name, count]) => [name, `${count}`])
    const mine = ask(STATE, `${LEASE}`, me, ...counts)
    stated = mine
    // Whoever waits for it hears of it.
    mine.catch(() => {
      if (stated === mine) stated = undefined
    })
    begin()
    return mine
  }

  function begin(): void {
    beat ??= setInterval(() => void live(), BEATS).unref()
  }

  async function live(): Promise<void> {
    const isThere = await ask(BEAT, `${LEASE}`, `${NOTE_LEASE}`, me, note).catch(() => 1)
    // Or the store hasn't been told all that has been given back.
    if (statements > 0 && (isThere === 0 || !stated)) state().catch(() => {})
    // A hint may have been lost.
    look()
  }

  function add(keys: readonly string[], count: 1 | -1): void {
    for (const name of keys) {
      const now = (held.get(name) ?? 0) + count
      if (now > 0) held.set(name, now)
      else held.delete(name)
    }
  }

  function look(): void {
    if (listeners.size === 0 || !connection()) return
    if (hearing) {
      isAskedAgain = true
      return
    }
    hearing = hear().then(finish, finish)
  }

  function finish(): void {
    hearing = undefined
    if (isAskedAgain) look()
  }

  async function hear(): Promise<void> {
    isAskedAgain = false
    while (heard !== undefined) {
      const from = heard
      const [last = '0', ...messages] = (await ask(HEAR, from)) as readonly string[]
      // The store has begun anew meanwhile.
      if (from !== heard) continue
      heard = last
      for (const message of messages) for (const listener of listeners) call(listener, message)
      if (last === from) return
    }
  }

  return {
    async tell(message) {
      await ask(TELL, ...head(), message)
    },
    hear(listener) {
      listeners.add(listener)
      begin()
      look()
      return () => void listeners.delete(listener)
    },
    async take(counts) {
      const keys = counts.map(({ key: name }) => name)
      const args = counts.flatMap(({ key: name, limit }) => [name, `${Math.min(limit, 1e15)}`])
      for (let isLast = false; ; isLast = true) {
        await (stated ?? state())
        const before = statements
        // Counted before the answer: what is stated meanwhile has it, too.
        add(keys, 1)
        let full: number
        try {
          full = Number(await ask(TAKE, me, ...args))
        } catch (error) {
          add(keys, -1)
          throw error
        }
        if (full === -1) return full
        add(keys, -1)
        if (full >= 0) {
          if (statements !== before) state().catch(() => {})
          return full
        }
        if (isLast) throw away('The nodes of the hub are not asked', 'this node is forgotten, again and again')
        await state()
      }
    },
    give(keys) {
      add(keys, -1)
      // Else it is stated when the store is back.
      if (!connection() || !stated) return
      ask(GIVE, me, ...keys).then(
        (isThere) => {
          if (isThere === 0) state().catch(() => {})
        },
        () => (stated = undefined),
      )
    },
    async pass(name, limit) {
      return Number(await ask(PASS, name)) <= limit
    },
    async note(text) {
      note = text
      begin()
      await ask(BEAT, `${LEASE}`, `${NOTE_LEASE}`, me, note)
    },
    async notes() {
      return (await ask(NOTES, me)) as readonly string[]
    },
    up() {
      // Also where nothing is held any more: the store may not know that yet.
      if (statements > 0) state().catch(() => {})
      look()
    },
    down() {
      stated = undefined
    },
    look,
    async open() {
      const [last] = (await ask(HEAR, '')) as readonly string[]
      heard ??= last
    },
    renew() {
      if (heard !== undefined) heard = '0'
    },
    async leave() {
      clearInterval(beat)
      listeners.clear()
      if (statements > 0 || note !== '') await ask(LEAVE, me).catch(() => {})
    },
  }
}

/** A listener that fails is its owner's to mend. */
function call(listener: (message: string) => void, message: string): void {
  try {
    listener(message)
  } catch (error) {
    console.error(error)
  }
}
