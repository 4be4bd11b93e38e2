import type { Engine } from '../engines/engine.js'
import { SseError } from '../errors.js'
import { backoff } from '../util/backoff.js'
import { createDeadlines } from '../util/deadlines.js'
import { randomName } from '../util/text.js'
import { later, unheld } from '../util/wait.js'
import { RETRY } from './log.js'
import type { Stats } from './stats.js'

/** The other processes of this hub: they hear of what is revoked, and tell how they are. */
export interface Neighbours {
  /** Tells them, and again until the store has it. */
  revoke(principal: string): void
  /** What they have said last. */
  readonly stats: readonly Stats[]
  /** The engine is open. */
  open(): void
  close(): void
}

export interface NeighboursOptions {
  readonly nodes: Engine['nodes']
  readonly own: () => Stats
  /** One of them says that a principal is revoked. */
  readonly onRevoke: (principal: string) => void
  readonly onError: (error: unknown) => void
}

// How often each says how it is, in milliseconds, and for how long that counts when the store is away.
const NOTE = 1000
const FRESH = 5000
const TIMEOUT = 5000

export function createNeighbours({ nodes, own, onRevoke, onError }: NeighboursOptions): Neighbours {
  if (!nodes) return { revoke() {}, stats: [], open() {}, close() {} }
  const told = nodes
  const name = randomName(10)
  const within = createDeadlines(TIMEOUT, () => new SseError('SSE_ENGINE', `The store didn't answer within ${TIMEOUT} ms`))
  // Each once, however often it is revoked while that can't be told.
  const untold = new Set<string>()
  let isOpen = false
  let failures = 0
  let retry: ReturnType<typeof setTimeout> | undefined
  let noting: ReturnType<typeof setInterval> | undefined
  let isBusy = false
  let heard: { readonly stats: readonly Stats[]; readonly at: number } | undefined
  let stop = (): void => {}

  function tell(principal: string): void {
    within(told.tell(JSON.stringify({ revoke: principal, by: name }))).then(
      () => (failures = untold.size > 0 ? failures : 0),
      (error: unknown) => {
        untold.add(principal)
        tryLater(error)
      },
    )
  }

  function tryLater(error: unknown): void {
    if (retry !== undefined || !isOpen) return
    if (failures++ === 0) onError(error)
    retry = unheld(later(tellAll, RETRY.min + backoff(failures, RETRY)))
  }

  function tellAll(): void {
    retry = undefined
    const principals = [...untold]
    // Revoked once more while it is being told, it is told once more.
    untold.clear()
    for (const principal of principals) tell(principal)
  }

  function hear(message: string): void {
    const { revoke, by } = parse(message) as { revoke?: unknown; by?: unknown }
    // What it revokes itself it has revoked at once: those that have come back since are others.
    if (typeof revoke === 'string' && by !== name) onRevoke(revoke)
  }

  async function exchange(): Promise<void> {
    // One that is never answered must not be followed by one every second.
    if (isBusy) return
    isBusy = true
    try {
      const [, notes] = await within(Promise.all([told.note(JSON.stringify(own())), told.notes()]))
      heard = { stats: notes.map((note) => parse(note)).filter(isStats), at: performance.now() }
    } catch {
      // The store is away, of which others tell.
    } finally {
      isBusy = false
    }
  }

  return {
    revoke(principal) {
      if (isOpen) return tell(principal)
      untold.add(principal)
    },
    get stats() {
      return heard && performance.now() - heard.at < FRESH ? heard.stats : []
    },
    open() {
      isOpen = true
      stop = told.hear(hear)
      tellAll()
      noting = unheld(setInterval(() => void exchange(), NOTE))
      void exchange()
    },
    close() {
      if (!isOpen) return
      isOpen = false
      stop()
      clearTimeout(retry)
      clearInterval(noting)
      // It is gone: nobody has to wait until its note is.
      told.note('').catch(() => {})
    },
  }
}

function parse(text: string): object {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

function isStats(value: object): value is Stats {
  const { connections, topics, published, delivered, gaps } = value as Record<string, unknown>
  return [connections, topics, published, delivered, gaps].every((count) => typeof count === 'number')
}
