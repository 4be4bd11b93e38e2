import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { removeFolders } from '../../../test/helpers/folders.js'
import { mountTmpfs } from '../../../test/helpers/tmpfs.js'
import { SseError } from '../../errors.js'
import { pattern } from '../../protocol/topic.js'
import { diskEngine } from './index.js'

const ALL = { limit: 100_000, bytes: 2 ** 30 }
const KEEP = { history: {} }

afterAll(removeFolders)
// LMDB says it too.
beforeEach(() => void vi.spyOn(console, 'error').mockImplementation(() => {}))
afterEach(() => vi.restoreAllMocks())

test.each(['fsync', 'process'] as const)(
  'a full disk refuses appends and serves reads, until there is space again (%s)',
  async (durability) => {
    const disk = mountTmpfs(3 * 2 ** 20)
    if (!disk) return
    const ballast = join(disk, 'ballast')
    writeFileSync(ballast, Buffer.alloc(2 ** 20, 1))
    const engine = diskEngine({ path: join(disk, 'store'), durability })
    const { epoch } = await engine.open()

    const stored: string[] = []
    const fill = async (round: string): Promise<SseError> => {
      for (let at = 0; at < 2000; at++) {
        const batch = Array.from({ length: 8 }, (_, lane) => `${round} ${at}/${lane} ${'x'.repeat(1000)}`)
        const ended = await Promise.allSettled(batch.map((data, lane) => engine.append(`t/${lane}`, { data }, KEEP)))
        stored.push(...batch.filter((_, index) => ended[index]?.status === 'fulfilled'))
        const failed = ended.find(({ status }) => status === 'rejected')
        if (failed?.status === 'rejected') return failed.reason as SseError
      }
      throw new Error('the disk was never full')
    }
    const look = async (): Promise<void> => {
      const { items, head, through, trimmed } = await engine.read([pattern('**')], 0, ALL)
      expect(items.map(({ fields }) => fields.data).toSorted()).toEqual(stored.toSorted())
      expect(items.map(({ seq }) => seq)).toEqual(stored.map((_, at) => at + 1))
      expect([head, through, trimmed]).toEqual([stored.length, stored.length, 0])
    }

    for (const round of ['first', 'second', 'third']) {
      const error = await fill(round)
      expect(error).toBeInstanceOf(SseError)
      expect(error.code).toBe('SSE_ENGINE')
      expect(error.message).toMatch(/is not stored in ".*". The disk is full: make space/)
      expect(error.cause).toBeDefined()
      await look()
      await expect(engine.append('t/0', { data: 'x'.repeat(100_000) }, KEEP)).rejects.toThrow('not stored')
      await look()
      if (round === 'first') rmSync(ballast)
      if (round === 'second') break
      // Space of its own making helps as well.
      const next = await engine.append('t/0', { data: 'again' }, KEEP)
      stored.push('again')
      expect(next).toMatchObject({ epoch, seq: stored.length })
      await look()
    }
    await engine.close()

    const again = diskEngine({ path: join(disk, 'store'), durability })
    expect(await again.open()).toEqual({ epoch, head: stored.length })
    expect((await again.read([pattern('**')], 0, ALL)).items).toHaveLength(stored.length)
    await again.close()
  },
)
