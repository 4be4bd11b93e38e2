import type { Engine } from '../engines/engine.js'
import { SseError } from '../errors.js'
import { createDeadlines } from '../util/deadlines.js'
import type { Occupant, Seat, SeatLimits } from './seats.js'

/** The limits that hold over all nodes of a hub. While the store is away each node goes by its own counts. */
export interface SharedLimits {
  /** The limit that leaves no seat for this one; the seat gives back what it has been given. `undefined`: there is nothing to ask. */
  claim(seat: Seat, occupant: Occupant): Promise<keyof SeatLimits | undefined> | undefined
  /** Whether one more may pass in this second. `undefined`: there is nothing to ask. */
  pass(key: string): Promise<boolean> | undefined
}

// Nobody waits longer at the door, in milliseconds.
const TIMEOUT = 2000

/** @param nodesNow While they can be asked. */
export function createSharedLimits(nodesNow: () => Engine['nodes'], limits: SeatLimits, perSecond: number): SharedLimits {
  const isLimited = Math.min(limits.connectionsPerPrincipal, limits.connectionsPerAddress) < Infinity
  const within = createDeadlines(TIMEOUT, () => new SseError('SSE_ENGINE', `The store didn't answer within ${TIMEOUT} ms`))

  return {
    claim(seat, { principal, address }) {
      const nodes = isLimited ? nodesNow() : undefined
      if (!nodes) return undefined
      const rows = (
        [
          ['connectionsPerPrincipal', 'principal', principal],
          ['connectionsPerAddress', 'address', address],
        ] as const
      ).flatMap(([name, kind, of]) => (of === undefined || limits[name] === Infinity ? [] : [{ name, key: `${kind} ${of}` }]))
      if (rows.length === 0) return undefined
      const keys = rows.map(({ key }) => key)
      const taken = nodes.take(rows.map(({ name, key }) => ({ key, limit: limits[name] }))).then((full) => {
        // Also when that comes too late for anybody to wait for it.
        if (full < 0) seat.onRelease(() => nodes.give(keys))
        return full
      })
      return within(taken).then(
        (full) => rows[full]?.name,
        () => undefined,
      )
    },
    pass(key) {
      const nodes = perSecond === Infinity ? undefined : nodesNow()
      // Less than one in a second is counted by each node by itself.
      return nodes && within(nodes.pass(key, Math.max(1, perSecond))).catch(() => true)
    },
  }
}
