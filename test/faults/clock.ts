import { canFakeTime } from '../helpers/redis.js'

const WORDS = 'NO LIBFAKETIME FOUND, LEFT OUT: the tests of clocks that are set. Install it (apt-get install faketime)'

/** Whether the tests that set a clock have to be left out, which is said loudly; in CI it is an error. */
export const hasNoClock = !canFakeTime
if (hasNoClock && process.env['CI'] === 'true') throw new Error(WORDS)
if (hasNoClock) console.warn(WORDS)
