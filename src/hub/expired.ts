import { keyOf, type Selector } from '../protocol/topic.js'
import type { Core } from './core.js'
import { interestOf, type Interest } from './interest.js'
import type { FramePage } from './pages.js'

/** A page of which some selectors no longer have all that comes after a cursor. */
export interface Expired {
  readonly page: FramePage
  /** Those that have lost something that was not told before. */
  readonly lost: readonly Selector[]
  /** The highest number that one of them has lost. */
  readonly to: number
}

/**
 * Looks at each selector by itself: only so it can be told which have lost something, and of the others nothing is said.
 *
 * @param told Up to where a gap has been told, by selector; what is found is added to it.
 */
export async function expiredIn(
  { pages }: Core,
  { selectors }: Interest,
  whole: FramePage,
  cursor: number,
  told: Map<string, number>,
): Promise<Expired> {
  const readOne = (selector: Selector): Promise<FramePage> => pages.read(interestOf([selector]), whole.epoch, cursor, true)
  const parts = selectors.length === 1 ? [whole] : await Promise.all(selectors.map(readOne))
  // The log has begun a new epoch meanwhile: its numbers say nothing of what is lost in this one.
  const other = parts.find(({ epoch }) => epoch !== whole.epoch)
  if (other) return { page: other, lost: [], to: 0 }
  const lost = parts.flatMap(({ trimmed }, index) => {
    const selector = selectors[index] as Selector
    const before = Math.max(cursor, told.get(keyOf(selector)) ?? 0)
    if (trimmed <= before) return []
    told.set(keyOf(selector), trimmed)
    return [{ selector, trimmed }]
  })
  return { page: merge(parts), lost: lost.map(({ selector }) => selector), to: Math.max(0, ...lost.map(({ trimmed }) => trimmed)) }
}

/** The pages of several selectors, all of one epoch, as one: complete as far as all of them are. */
function merge(parts: readonly FramePage[]): FramePage {
  const [first, ...rest] = parts as [FramePage, ...FramePage[]]
  if (rest.length === 0) return first
  const through = Math.min(...parts.map((part) => part.through))
  // One topic may be selected by its name and by a pattern.
  const bySeq = new Map(parts.flatMap(({ frames }) => frames).map((frame) => [frame.seq, frame]))
  const frames = [...bySeq.values()].filter(({ seq }) => seq <= through).sort((a, b) => a.seq - b.seq)
  return { epoch: first.epoch, through, frames, trimmed: Math.max(...parts.map(({ trimmed }) => trimmed)) }
}
