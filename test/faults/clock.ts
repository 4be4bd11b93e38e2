import { test } from 'vitest'
import { canFakeTime } from '../helpers/redis.js'

/** `test` for those that set a clock. Without libfaketime they are left out, loudly; in CI that is an error. */
export function testWithClock(name: string, run: () => Promise<void>): void {
  const words = `NO LIBFAKETIME FOUND, LEFT OUT: "${name}". Install it (apt-get install faketime)`
  if (!canFakeTime && process.env['CI'] === 'true') throw new Error(words)
  if (!canFakeTime) console.warn(words)
  test.skipIf(!canFakeTime)(name, run)
}
