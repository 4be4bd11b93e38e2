import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Engine, Page } from '../engines/engine.js'
import { memoryEngine } from '../engines/memory.js'
import { interestOf } from './interest.js'
import { createLog } from './log.js'
import { createPages, type Pages } from './pages.js'

interface Log {
  readonly engine: Engine
  readonly pages: Pages
  readonly epoch: string
  /** What was read: topics and position. */
  readonly reads: string[]
  /** How many reads were under way at once, at most. */
  readonly most: () => number
  fill(topic: string, count: number, data?: string): Promise<void>
}

async function log(onRead: () => Promise<void> = async () => {}): Promise<Log> {
  const engine = memoryEngine()
  const { epoch } = await engine.open()
  const reads: string[] = []
  let now = 0
  let most = 0
  let head = 0
  const counted: Engine = {
    ...engine,
    async read(selectors, after, options): Promise<Page> {
      reads.push(`${selectors.map(String).join()} ${after}`)
      most = Math.max(most, ++now)
      const page = await engine.read(selectors, after, options)
      await onRead()
      now--
      return page
    },
  }
  return {
    engine,
    pages: createPages(createLog(counted, () => {}).forReaders, () => head),
    epoch,
    reads,
    most: () => most,
    async fill(topic, count, data = 'x') {
      for (let n = 0; n < count; n++) head = (await engine.append(topic, { data }, { history: {} }))?.seq ?? 0
    },
  }
}

const a = interestOf(['a'])
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

describe('pages', () => {
  test('a thousand readers that come back together cost one read', async () => {
    const { pages, reads, fill, epoch } = await log(pause)
    await fill('a', 120)
    // In one moment, however long it takes this machine to ask a thousand times.
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const got = await Promise.all(Array.from({ length: 1000 }, (_, n) => pages.read(a, epoch, n % 120, true)))
    expect(reads).toEqual(['a 0'])
    got.forEach(({ frames, through }, n) => {
      expect(through).toBe(120)
      expect(frames.filter(({ seq }) => seq > n % 120)).toHaveLength(120 - (n % 120))
    })
  })

  test('at most 4 are read at once', async () => {
    const { pages, most, fill, epoch } = await log(pause)
    for (let n = 0; n < 40; n++) await fill(`t/${n}`, 1)
    const read = (n: number): Promise<unknown> => pages.read(interestOf([`t/${n}`]), epoch, 0)
    const first = Array.from({ length: 20 }, (_, n) => read(n))
    // Others come just as some are done.
    const later = first.map((each, n) => each.then(() => read(20 + n)))
    await Promise.all([...first, ...later])
    expect(most()).toBe(4)
  })

  test('a read that ends gives its place to the one that waits, not to whoever comes at that moment', async () => {
    const gates: (() => void)[] = []
    let isOpen = false
    const { pages, most, epoch, reads } = await log(() => new Promise<void>((resolve) => (isOpen ? resolve() : gates.push(resolve))))
    let count = 0
    const all: Promise<unknown>[] = []
    const read = (): void => void all.push(pages.read(interestOf([`t/${count++}`]), epoch, 0))
    for (let n = 0; n < 6; n++) read()
    await pause()
    expect(reads).toHaveLength(4)
    gates.shift()?.()
    for (let n = 0; n < 40; n++) {
      await Promise.resolve()
      read()
    }
    await pause()
    expect(most()).toBe(4)
    isOpen = true
    for (const open of gates) open()
    await Promise.all(all)
  })

  test('one with large items may end before the position that somebody is at: the next is read', async () => {
    const { pages, fill, epoch } = await log()
    await fill('a', 40, 'x'.repeat(20_000))
    for (let at = 0; at < 40;) {
      const { frames, through } = await pages.read(a, epoch, at)
      expect(through).toBeGreaterThan(at)
      expect(frames.filter(({ seq }) => seq > at && seq <= through).map(({ seq }) => seq)).toEqual(
        Array.from({ length: through - at }, (_, n) => at + 1 + n),
      )
      at = through
    }
  })

  test('whoever comes back is told what has been dropped by now', async () => {
    const { pages, engine, fill, epoch } = await log()
    await fill('a', 3)
    expect((await pages.read(a, epoch, 0)).trimmed).toBe(0)
    await engine.append('a', { data: 'x' }, { history: { size: 1 } })
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect((await pages.read(a, epoch, 0, true)).trimmed).toBe(3)
  })

  test('one that could not be read is asked for again', async () => {
    let isBroken = true
    const { pages, fill, epoch } = await log(async () => {
      if (isBroken) throw new Error('The store is out of reach')
    })
    await fill('a', 3)
    await expect(pages.read(a, epoch, 0)).rejects.toThrow('out of reach')
    isBroken = false
    expect((await pages.read(a, epoch, 0)).through).toBe(3)
  })

  test('one of another epoch than that of the position is given once, and not kept', async () => {
    const { pages, reads, fill, epoch } = await log()
    await fill('a', 3)
    for (let n = 0; n < 2; n++) expect((await pages.read(a, 'old', 0)).epoch).toBe(epoch)
    expect(reads.length).toBe(2)
    expect((await pages.read(a, epoch, 0)).epoch).toBe(epoch)
    expect(reads.length).toBe(3)
  })
})
