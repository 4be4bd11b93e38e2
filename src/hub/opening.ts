import type { Selector } from '../protocol/topic.js'
import type { Core } from './core.js'
import { looseFrame, type Frame } from './frame.js'
import type { Interest } from './interest.js'
import type { ReaderOptions } from './reader.js'
import type { Snapshot } from './snapshots.js'

/** Where a reader without a position begins. */
export interface Opening {
  readonly epoch: string
  readonly at: number
  /** The topics whose snapshots it gets first. */
  readonly owed: readonly string[]
}

type Asked = Pick<ReaderOptions, 'from' | 'snapshot'>

export async function openingOf(core: Core, { selectors }: Interest, options: Asked): Promise<Opening> {
  const { tail, log, snapshots } = core
  if (options.from === 'earliest') {
    const { epoch, trimmed } = await log.read(selectors, tail.settled, { limit: 1, bytes: 1 })
    await tail.reach({ epoch, seq: trimmed })
    // Where nothing was dropped the history says it all.
    return { epoch, at: Math.min(trimmed, tail.settled), owed: trimmed === 0 ? [] : await topicsWithSnapshots(core, selectors, options) }
  }
  const owed = await topicsWithSnapshots(core, selectors, options)
  // From where a snapshot under way was asked for, so that it can be shared.
  const positions = owed.map((topic) => snapshots.positionOf(snapshotOf(core, topic, options), topic) ?? Infinity)
  return { epoch: tail.epoch, at: Math.min(tail.settled, ...positions), owed }
}

export function hasSnapshots(core: Core, { snapshot }: Asked): boolean {
  return snapshot !== undefined || core.hasSnapshots
}

/** Of a topic that has one. */
export function snapshotOf(core: Core, topic: string, { snapshot }: Asked): Snapshot<unknown> {
  return snapshot ?? (core.snapshotOf(topic) as Snapshot<unknown>)
}

/** The names that are selected, and the known topics that match, as far as they have a snapshot. */
export async function topicsWithSnapshots(core: Core, selectors: readonly Selector[], options: Asked): Promise<readonly string[]> {
  if (!hasSnapshots(core, options)) return []
  const patterns = selectors.filter((one) => typeof one !== 'string')
  const matching = patterns.length > 0 ? await core.log.topics(patterns) : []
  const topics = [...new Set([...selectors.filter((one) => typeof one === 'string'), ...matching])]
  return options.snapshot ? topics : topics.filter((topic) => core.snapshotOf(topic))
}

/**
 * What a topic's log has between what a snapshot reflects and the position from which items follow: without ids, for they would be below
 * those that the connection has had. What its history has dropped of that is nowhere told: a snapshot is not to be older.
 */
export async function between({ log }: Core, topic: string, epoch: string, after: number, upTo: number): Promise<readonly Frame[]> {
  const frames: Frame[] = []
  for (let at = after; at < upTo;) {
    const page = await log.read([topic], at, { upTo, limit: 512, bytes: 256 * 1024 })
    if (page.epoch !== epoch) break
    frames.push(...page.items.map(({ fields }) => looseFrame(topic, fields)))
    if (page.through <= at) break
    at = page.through
  }
  return frames
}
