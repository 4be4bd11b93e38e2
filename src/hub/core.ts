import type { Turns } from '../util/turns.js'
import type { FanOut } from './fanout.js'
import type { Follows } from './follows.js'
import type { Frame } from './frame.js'
import type { Laggards } from './laggards.js'
import type { ReaderLog } from './log.js'
import type { Pages } from './pages.js'
import type { Reader } from './reader.js'
import type { Ring } from './ring.js'
import type { Silences } from './silences.js'
import type { Snapshot, Snapshots } from './snapshots.js'
import type { Tail } from './tail.js'

/** What a hub's readers share. */
export interface Core {
  readonly log: ReaderLog
  readonly follows: Follows
  readonly tail: Tail
  readonly ring: Ring
  readonly pages: Pages
  readonly fanOut: FanOut
  readonly snapshots: Snapshots
  readonly turns: Turns
  readonly readers: Set<Reader>
  readonly laggards: Laggards
  readonly silences: Silences
  readonly whenSlow: 'replay' | 'latest' | 'disconnect'
  /** Who is further behind, in bytes, is told of a gap, or disconnected. */
  readonly maxLag: number
  /** How long a connection lasts, in milliseconds. */
  readonly maxAge: number
  /** What an item is the newest value of. */
  keyOf(frame: Frame): string
  readonly counts: { published: number; delivered: number; gaps: number }
  /** The snapshot of a topic's settings. */
  snapshotOf(topic: string): Snapshot<unknown> | undefined
  readonly hasSnapshots: boolean
  readonly isClosed: boolean
  /** A frame as a loop gets it; `undefined`: its event is none of the hub's. */
  toItem(frame: Frame, id: string | undefined): unknown
}
