import { frameOf, type Frame } from './frame.js'
import type { Interest } from './interest.js'
import type { ReaderLog } from './log.js'
import { lostBefore } from './lost.js'

/** A page of the log, made into frames once for all who read it. */
export interface FramePage {
  readonly epoch: string
  readonly through: number
  readonly frames: readonly Frame[]
  /** Who has read less far has missed something. */
  readonly trimmed: number
}

interface Loaded extends FramePage {
  /** About what it holds in memory. */
  readonly size: number
}

interface Entry {
  readonly epoch: string
  readonly after: number
  /** What was settled when it was asked for, and when that was. */
  readonly settled: number
  readonly at: number
  readonly page: Promise<Loaded>
  loaded: Loaded | undefined
}

export interface Pages {
  /**
   * The page after a position. It may begin before it; it goes beyond it unless the log doesn't.
   *
   * @param epoch That of the position; the page's is another when the log has begun a new one.
   * @param fresh It must tell what is dropped by now: for a reader that comes back. Whoever is on its way may read what was there a
   * moment ago.
   */
  read(interest: Interest, epoch: string, after: number, fresh?: boolean): Promise<FramePage>
}

const LIMIT = 512
const BYTES = 64 * 1024
// Readers that are a little apart read the same page: it begins at a multiple of this.
const GRAIN = 128
// How many bytes of pages are kept for those who come after.
const KEPT = 4 * 2 ** 20
// Ages expire without anything being published: a page is fresh for so many milliseconds.
const FRESH = 20

/** Reads of the log, shared: a thousand readers that come back together cost a few. */
export function createPages(log: Pick<ReaderLog, 'read'>, settledNow: () => number): Pages {
  // By interest, the newest last.
  const entries = new Map<string, Entry[]>()
  const order: { readonly key: string; readonly entry: Entry }[] = []
  let kept = 0

  async function read(interest: Interest, epoch: string, after: number, fresh = false): Promise<FramePage> {
    const aligned = after - (after % GRAIN)
    const page = await (find(interest.key, epoch, after, aligned, fresh) ?? load(interest, epoch, aligned))
    if (page.through > after) return page
    // With large items it has ended before the position that it was hoped to go beyond.
    return find(interest.key, epoch, after, after, fresh) ?? load(interest, epoch, after)
  }

  /** A page that has what comes after a position, or one under way that begins not before `from`. */
  function find(key: string, epoch: string, after: number, from: number, fresh: boolean): Promise<FramePage> | undefined {
    const settled = fresh ? settledNow() : 0
    const since = fresh ? performance.now() - FRESH : 0
    const isFor = ({ after: start, loaded }: Entry): boolean => start <= after && (loaded ? after < loaded.through : start >= from)
    return entries.get(key)?.findLast((entry) => entry.epoch === epoch && isFor(entry) && entry.settled >= settled && entry.at >= since)
      ?.page
  }

  function load(interest: Interest, epoch: string, after: number): Promise<FramePage> {
    const { key, selectors } = interest
    const entry: Entry = {
      epoch,
      after,
      settled: settledNow(),
      at: performance.now(),
      page: fetchPage(selectors, after),
      loaded: undefined,
    }
    const list = entries.get(key) ?? []
    list.push(entry)
    entries.set(key, list)
    order.push({ key, entry })
    entry.page.then(
      (page) => {
        entry.loaded = page
        kept += page.size
        for (let oldest = order[0]; kept > KEPT && oldest && oldest.entry !== entry; oldest = order[0]) forget(oldest)
        // Of no use to anybody, and whoever asks again must not get it again.
        if (page.epoch !== epoch) forget({ key, entry })
      },
      () => forget({ key, entry }),
    )
    return entry.page
  }

  async function fetchPage(selectors: Interest['selectors'], after: number): Promise<Loaded> {
    const page = await log.read(selectors, after, { limit: LIMIT, bytes: BYTES })
    const frames = page.items.map(frameOf)
    const size = frames.reduce((sum, frame) => sum + frame.size, 0)
    return { epoch: page.epoch, through: page.through, frames, trimmed: lostBefore(page, after), size }
  }

  function forget({ key, entry }: { readonly key: string; readonly entry: Entry }): void {
    const at = order.findIndex((one) => one.entry === entry)
    if (at < 0) return
    order.splice(at, 1)
    kept -= entry.loaded?.size ?? 0
    const left = (entries.get(key) ?? []).filter((one) => one !== entry)
    if (left.length > 0) entries.set(key, left)
    else entries.delete(key)
  }

  return { read }
}
