import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Faults } from './faulty-engine.js'
import { play, type Op, type Setting } from './world.js'

// SOAK=10 plays ten times as many.
const TIMES = Number(process.env['SOAK'] ?? 1)

const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('publish' as const), node: fc.nat(2), topic: fc.nat(9), count: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('connect' as const),
      client: fc.nat(9),
      node: fc.nat(2),
      leaveAfter: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant(1000)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('leave' as const), client: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('change' as const), client: fc.nat(9), topics: fc.nat(9) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), time: fc.oneof(fc.nat(12), fc.nat(200)) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), node: fc.nat(2) }) },
)

const reset: fc.Arbitrary<Op> = fc.constant({ do: 'reset' as const })
const faults: fc.Arbitrary<Faults> = fc.record({
  lose: fc.constantFrom(0, 0.1, 0.5, 1),
  double: fc.constantFrom(0, 0.3),
  late: fc.constantFrom(0, 3, 30),
  readDelay: fc.constantFrom(0, 2, 20),
  appendDelay: fc.constantFrom(0, 4),
  resetDelay: fc.constantFrom(0, 25),
})

const follows: fc.Arbitrary<Faults['follow']> = fc.record({ late: fc.constantFrom(0, 5, 60), pass: fc.constantFrom(0, 0.1, 0.7) })
// What nobody follows any more isn't any more then.
const longWait = { weight: 1, op: fc.constant<Op>({ do: 'wait', time: 6000 }) }

const settings = (rest: Partial<Setting> = {}, follow: typeof follows = fc.constant(undefined)): fc.Arbitrary<Setting> =>
  fc
    .record({ seed: fc.nat(), nodes: fc.integer({ min: 1, max: 3 }), faults, size: fc.constantFrom(0, 0, 30_000), follow })
    .map(({ follow, ...setting }) => ({ ...setting, ...rest, faults: { ...(rest.faults ?? setting.faults), follow } }))

const oneOf = (...rows: { readonly weight: number; readonly op: fc.Arbitrary<Op> }[]): fc.Arbitrary<Op> =>
  fc.oneof(...rows.map(({ weight, op }) => ({ weight, arbitrary: op })))

describe('whatever happens, a reader has everything, or is told', () => {
  const rows: [string, fc.Arbitrary<Setting>, fc.Arbitrary<Op>, number][] = [
    ['on a sound store', settings({ faults: {} }), op, 60],
    ['with hints lost, doubled, late, out of order', settings(), op, 120],
    ['when the store begins new epochs', settings(), fc.oneof({ weight: 20, arbitrary: op }, { weight: 1, arbitrary: reset }), 120],
    ['when topics are forgotten and born again', settings({ maxTopics: 4 }), op, 100],
    [
      'when reads come from a replica that is behind, or fail',
      settings({ faults: { late: 10, lose: 0.1, stale: 0.3, fail: 0.1, readDelay: 3 }, maxTopics: 1000 }),
      op,
      60,
    ],
    ['with snapshots', settings({ snapshots: 'plain' }), fc.oneof({ weight: 30, arbitrary: op }, { weight: 1, arbitrary: reset }), 100],
    [
      'when slow readers are told what they miss',
      settings({ maxLag: 1500, snapshots: 'plain' }),
      fc.oneof({ weight: 30, arbitrary: op }, { weight: 1, arbitrary: reset }),
      80,
    ],
    ['when slow readers are sent away', settings({ maxLag: 1500, whenSlow: 'disconnect' }), op, 60],
    ['when only what is followed comes whole', settings({}, follows), oneOf({ weight: 20, op }, { weight: 1, op: reset }, longWait), 160],
    [
      'when only what is followed comes whole, and topics are forgotten, and reads fail or are behind',
      settings({ faults: { late: 10, lose: 0.1, stale: 0.2, fail: 0.1, readDelay: 5 }, maxTopics: 4 }, follows),
      oneOf({ weight: 20, op }, longWait),
      60,
    ],
    [
      'when only what is followed comes whole, with snapshots',
      settings({ snapshots: 'with ids' }, follows),
      oneOf({ weight: 20, op }, longWait),
      80,
    ],
    ['with snapshots that name their position', settings({ snapshots: 'with ids' }), op, 100],
  ]
  test.each(rows)('%s', { timeout: 300_000 * TIMES }, async (_, setting, op, runs) => {
    let gaps = 0
    let items = 0
    await fc.assert(
      fc.asyncProperty(setting, fc.array(op, { maxLength: 60, size: 'max' }), async (setting, ops) => {
        const seen = await play(setting, ops)
        gaps += seen.gaps
        items += seen.items
      }),
      {
        numRuns: runs * TIMES,
        interruptAfterTimeLimit: 200_000 * TIMES,
        ...(process.env['SEED'] && { seed: Number(process.env['SEED']), path: process.env['AT'] ?? '' }),
      },
    )
    // A judge that has seen nothing must not pass.
    expect(items).toBeGreaterThan(runs)
    expect(gaps).toBeGreaterThan(0)
  })
})
