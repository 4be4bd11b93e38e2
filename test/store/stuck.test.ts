import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import type * as openings from '../../demo/server/store/opening.js'
import type * as settings from '../../demo/server/store/settings.js'
import { newFolder, removeFolders } from '../helpers/folders.js'
import { until } from '../helpers/until.js'

afterAll(removeFolders)

// As it is built: a thread is started from a file.
const built = (path: string): string => fileURLToPath(new URL(`../../demo/dist/server/store/${path}`, import.meta.url))

test('an embedded database that does not answer any more is given up and opened anew, with all that was committed', async () => {
  const { buildDemo } = (await import(fileURLToPath(new URL('../../scripts/lib/build-demo.mjs', import.meta.url)))) as {
    buildDemo(): Promise<void>
  }
  await buildDemo()
  const { createOpening } = (await import(built('opening.js'))) as typeof openings
  const { settingsOf } = (await import(built('settings.js'))) as typeof settings
  const opening = createOpening(settingsOf({ DATA_DIR: newFolder(), STORE_PATIENCE_MS: '60000' }))
  try {
    const first = await opening.store()
    const wish = { sku: 'AUD-001', quantity: 1, key: 'before-it-was-stuck', customer: undefined }
    const { order } = await first.buy(wish)
    // What PGlite also does by itself, on a disk that is too full for its log.
    const stuck = first.database.query('DO $$ BEGIN LOOP END LOOP; END $$')
    const waiting = first.buy({ ...wish, key: 'while-it-was-stuck' })
    const outcomes = await Promise.allSettled([stuck, waiting])
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && String(outcome.reason))).toEqual([
      expect.stringContaining('no answer'),
      expect.stringContaining('no answer'),
    ])
    const second = await until('it is opened anew', async () => {
      const store = await opening.store()
      return store !== first && store
    })
    if (!second) throw new Error('Not opened')
    expect(await second.buy(wish)).toMatchObject({ order, version: 1, repeated: true })
    expect(await second.buy({ ...wish, key: 'after-it-was-stuck' })).toMatchObject({ version: 2, repeated: false })
  } finally {
    await opening.close()
  }
}, 120_000)
