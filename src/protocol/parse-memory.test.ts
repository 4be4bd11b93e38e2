import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const MEBIBYTE = 2 ** 20
const script = fileURLToPath(new URL('../../test/protocol/long-line.js', import.meta.url))

// In a process of its own, whose peak is the parser's, on the built package: `npm test` builds it. A parser that joins a line for
// each chunk would take hours; one that keeps each chunk, gigabytes. Times are only printed.
test.each<[string, string, (fed: number) => number]>([
  ['a line', 'strings', (fed) => fed],
  ['a line', 'bytes', (fed) => fed],
  ['a line of 日', 'strings', (fed) => fed / 3],
  ['a line of 日', 'bytes', (fed) => fed / 3],
  ['short data lines', 'bytes', (fed) => fed / 4 - 1],
])(
  '15 MiB of %s in tiny %s stay under 100 MB',
  async (what, unit, lengthOf) => {
    const [small, large] = await Promise.all([feed(what, unit, 2), feed(what, unit, 15)])
    console.log(`${what} in ${unit}: 2 MiB ${small.milliseconds} ms, 15 MiB ${large.milliseconds} ms, ${Math.round(large.grown / 1e6)} MB`)
    expect(large.fed).toBeGreaterThanOrEqual(15 * MEBIBYTE)
    expect(large.length).toBe(lengthOf(large.fed))
    expect(large.grown).toBeLessThan(100e6)
  },
  600_000,
)

// Collecting on one thread: the peak must not depend on how soon other threads get their turn.
async function feed(...args: readonly [what: string, unit: string, mebibytes: number]) {
  const { stdout } = await promisify(execFile)(process.execPath, ['--single-threaded-gc', script, ...args.map(String)], {
    timeout: 600_000,
  })
  return JSON.parse(stdout) as { length: number; fed: number; milliseconds: number; grown: number }
}
