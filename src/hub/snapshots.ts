import { parseCursor } from './cursor.js'
import { looseFrame, type Frame } from './frame.js'
import type { Fields } from './fields.js'

/** One value of a topic, sent as `publish()` would send it; its `id`, if it has one, is the position that it reflects. */
export type Snapshot<D> = (topic: string) => D | Promise<D>

/** A topic's state, and the position that was settled before it was asked for. */
export interface Taken {
  readonly frame: Frame | undefined
  /** Items of the topic up to here are in it, and none after; `undefined` when it doesn't say. */
  readonly reflects: number | undefined
}

export interface Snapshots {
  /**
   * The state of a topic, with everything up to `position` in it. Those who need one at the same time share it, if it was asked for at
   * their position or after it.
   */
  take(snapshot: Snapshot<unknown>, topic: string, position: number): Promise<Taken>
  /** The position at which one that is under way was asked for. */
  positionOf(snapshot: Snapshot<unknown>, topic: string): number | undefined
}

interface Flight {
  readonly epoch: string
  readonly position: number
  readonly taken: Promise<Taken>
}

export function createSnapshots(
  now: () => { readonly epoch: string; readonly settled: number },
  toFields: (data: unknown) => Fields,
): Snapshots {
  const flights = new WeakMap<Snapshot<unknown>, Map<string, Flight>>()

  /** The one under way, unless it was asked for in an epoch that is over. */
  function find(snapshot: Snapshot<unknown>, topic: string): Flight | undefined {
    const flight = flights.get(snapshot)?.get(topic)
    return flight?.epoch === now().epoch ? flight : undefined
  }

  async function ask(snapshot: Snapshot<unknown>, topic: string, epoch: string): Promise<Taken> {
    const data = await snapshot(topic)
    if (data === undefined) return { frame: undefined, reflects: undefined }
    const { id, ...fields } = toFields(data)
    return { frame: looseFrame(topic, fields), reflects: reflectedBy(id, epoch) }
  }

  return {
    take(snapshot, topic, position) {
      let byTopic = flights.get(snapshot)
      if (!byTopic) flights.set(snapshot, (byTopic = new Map()))
      const known = find(snapshot, topic)
      if (known && known.position >= position) return known.taken
      // The position first: what is published while the snapshot is made comes after it, whether it is in it or not.
      const { settled, epoch } = now()
      const flight: Flight = {
        epoch,
        position: settled,
        taken: ask(snapshot, topic, epoch).finally(() => byTopic.get(topic) === flight && byTopic.delete(topic)),
      }
      byTopic.set(topic, flight)
      return flight.taken
    },
    positionOf: (snapshot, topic) => find(snapshot, topic)?.position,
  }
}

/** @throws {TypeError} for an id that is no position. */
function reflectedBy(id: string | undefined, epoch: string): number | undefined {
  if (id === undefined) return undefined
  const cursor = parseCursor(id)
  if (!cursor)
    throw new TypeError(`The \`id\` of a snapshot must be what publish() or lastEventId gave: ${JSON.stringify(id.slice(0, 80))}`)
  return cursor.epoch === epoch ? cursor.seq : undefined
}
