import type { Watch } from './revocations.js'

/** One stream's place among those of the hub, from the moment it is admitted to its end, however that comes. */
export interface Seat {
  /** It begins. False: its principal was revoked meanwhile, and it must not. */
  begin(): boolean
  /** It is over, or will never begin. Safe to call twice. */
  release(): void
  /** What is done then, once; at once if it is over by now. */
  onRelease(give: () => void): void
}

/** What may be counted of whom; Infinity is no limit. */
export interface SeatLimits {
  readonly connections: number
  readonly connectionsPerPrincipal: number
  readonly connectionsPerAddress: number
}

/** Whose seat it is, as far as it is known. */
export interface Occupant {
  readonly principal: string | undefined
  readonly address: string | undefined
}

export interface Seats {
  /** The limit that leaves no seat for this one; `undefined`: there is one. */
  refuses(occupant: Occupant): keyof SeatLimits | undefined
  /** In the same turn, so that nobody comes between. */
  take(occupant: Occupant, watch: Watch): Seat
}

/** @param connections How many streams have begun. */
export function createSeats(limits: SeatLimits, connections: () => number): Seats {
  const byPrincipal = createCounts()
  const byAddress = createCounts()
  // Admitted, and not yet among those that have begun: many may be let in before the first of them has.
  let waiting = 0

  return {
    refuses({ principal, address }) {
      if (connections() + waiting >= limits.connections) return 'connections'
      if (byPrincipal.of(principal) >= limits.connectionsPerPrincipal) return 'connectionsPerPrincipal'
      return byAddress.of(address) >= limits.connectionsPerAddress ? 'connectionsPerAddress' : undefined
    },
    take({ principal, address }, watch) {
      let state: 'waiting' | 'begun' | 'over' = 'waiting'
      let giveBack: (() => void) | undefined
      waiting++
      byPrincipal.add(principal)
      byAddress.add(address)
      function leave(next: typeof state): void {
        if (state === 'waiting') {
          waiting--
          watch.stop()
        }
        state = next
      }
      return {
        begin() {
          if (state !== 'waiting' || watch.has(principal)) return false
          leave('begun')
          return true
        },
        release() {
          if (state === 'over') return
          leave('over')
          byPrincipal.remove(principal)
          byAddress.remove(address)
          giveBack?.()
        },
        onRelease(give) {
          if (state === 'over') give()
          else giveBack = give
        },
      }
    },
  }
}

interface Counts {
  of(key: string | undefined): number
  add(key: string | undefined): void
  remove(key: string | undefined): void
}

/** As many keys as there are seats; those without a key aren't counted. */
function createCounts(): Counts {
  const counts = new Map<string, number>()
  const of = (key: string | undefined): number => (key === undefined ? 0 : (counts.get(key) ?? 0))
  return {
    of,
    add(key) {
      if (key !== undefined) counts.set(key, of(key) + 1)
    },
    remove(key) {
      if (key === undefined) return
      if (of(key) > 1) counts.set(key, of(key) - 1)
      else counts.delete(key)
    },
  }
}
