import { canFakeTime, isValkey } from '../helpers/redis.js'

const WORDS = isValkey
  ? "VALKEY'S CLOCK CAN'T BE SET, LEFT OUT: the tests of clocks that are. Redis' can"
  : 'NO LIBFAKETIME FOUND, LEFT OUT: the tests of clocks that are set. Install it (apt-get install faketime)'

/** Whether the tests that set a clock have to be left out, which is said loudly; in CI it is an error, but for what can't be had. */
export const hasNoClock = !canFakeTime
if (hasNoClock && !isValkey && process.env['CI'] === 'true') throw new Error(WORDS)
if (hasNoClock) console.warn(WORDS)
