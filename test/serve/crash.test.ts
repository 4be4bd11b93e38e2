import { expect, test } from 'vitest'
import { crash } from '../../scripts/lib/crash.mjs'

// The full length: node scripts/crash-test.mjs
test('killed at random moments, the server loses, doubles and reorders nothing acknowledged; what readers miss is told to the item', async () => {
  const summary = await crash({ rounds: 3, gapRounds: 1, clients: 6 })
  expect(summary).toMatchObject({ kills: 5, gaps: 6 })
  expect(summary.acknowledged).toBeGreaterThan(50)
  expect(summary.delivered).toBeGreaterThan(summary.acknowledged)
  expect(summary.reconnects).toBeGreaterThan(6)
  expect(summary.missing).toBeGreaterThan(0)
}, 600_000)
