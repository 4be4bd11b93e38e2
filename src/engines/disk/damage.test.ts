import { copyFileSync, mkdirSync, readdirSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { newFolder, removeFolders } from '../../../test/helpers/folders.js'
import { pattern } from '../../protocol/topic.js'
import { damageOf } from './damage.js'
import { diskEngine } from './index.js'

const ALL = { limit: 10_000, bytes: 2 ** 30 }

afterAll(removeFolders)
afterEach(() => vi.restoreAllMocks())

/** A closed store with some hundred items, large ones among them. */
async function store(): Promise<string> {
  const path = newFolder()
  const engine = diskEngine({ path, durability: 'process' })
  await engine.open()
  await Promise.all(
    Array.from({ length: 600 }, (_, at) =>
      engine.append(`t/${at % 50}`, { data: `${at}`.repeat(at % 100 === 0 ? 20_000 : 20) }, { history: at % 2 ? { size: 4 } : {} }),
    ),
  )
  await engine.close()
  return path
}

describe('damage', () => {
  test('is not seen in a sound store, nor in one that is being written', async () => {
    const path = await store()
    const file = join(path, 'data.mdb')
    expect(damageOf(file)).toBeUndefined()
    const engine = diskEngine({ path })
    await engine.open()
    const seen = { looks: 0 }
    const writing = Array.from({ length: 20 }, async (_, lane) => {
      for (let at = 0; at < 50 || seen.looks <= 10; at++)
        await engine.append(`t/${lane}`, { data: 'x'.repeat(3000) }, { history: { size: 5 } })
    })
    const looking = setInterval(() => {
      seen.looks++
      expect(damageOf(file)).toBeUndefined()
    }, 1)
    await Promise.all(writing)
    clearInterval(looking)
    await engine.close()
  })

  test('is seen wherever a store was cut, or it can be read whole', async () => {
    const path = await store()
    const { size } = statSync(join(path, 'data.mdb'))
    let damaged = 0
    for (let part = 1; part <= 40; part++) {
      const cut = join(newFolder(), 'cut')
      mkdirSync(cut)
      copyFileSync(join(path, 'data.mdb'), join(cut, 'data.mdb'))
      truncateSync(join(cut, 'data.mdb'), Math.floor((size * part) / 41))
      const damage = damageOf(join(cut, 'data.mdb'))
      if (damage !== undefined) {
        damaged++
        continue
      }
      // Then it must be possible to read it all.
      const engine = diskEngine({ path: cut })
      await engine.open()
      expect((await engine.read([pattern('**')], 0, ALL)).head).toBe(600)
      await engine.close()
    }
    expect(damaged).toBeGreaterThan(30)
  })

  test('sets the store aside, says so once, and a new epoch begins', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const path = await store()
    const before = diskEngine({ path })
    const { epoch } = await before.open()
    await before.close()
    truncateSync(join(path, 'data.mdb'), 40_000)

    const engine = diskEngine({ path })
    const opened = await engine.open()
    expect(opened.head).toBe(0)
    expect(opened.epoch).not.toBe(epoch)
    expect(await engine.append('a', { data: 'x' }, { history: {} })).toEqual({ epoch: opened.epoch, seq: 1, prev: 0 })
    await engine.close()
    expect(warn).toHaveBeenCalledTimes(1)
    expect(warn.mock.calls[0]?.[0]).toContain(`the store in ${path} is damaged`)
    expect(readdirSync(path).filter((name) => name.startsWith('data.mdb.damaged-'))).toHaveLength(1)

    const again = diskEngine({ path })
    expect(await again.open()).toEqual({ epoch: opened.epoch, head: 1 })
    await again.close()
    expect(warn).toHaveBeenCalledTimes(1)
  })

  test.each([0, 1, 100, 4096, 8000])('a file of %i bytes begins a new store', async (size) => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const path = await store()
    truncateSync(join(path, 'data.mdb'), size)
    const engine = diskEngine({ path })
    expect((await engine.open()).head).toBe(0)
    await engine.close()
  })
})
