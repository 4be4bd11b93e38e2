// oxlint-disable vitest/expect-expect -- a case throws
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readNumbers as readByConnect } from './connect.cases.js'
import { readNumbers as readByEventSource } from './event-source.cases.js'
import { startMisbehaving, type Misbehaving } from './misbehaving-server.js'
import { casesOf, run } from './runner.js'

let server: Misbehaving
beforeAll(async () => {
  server = await startMisbehaving()
})
afterAll(() => server.close())

describe.concurrent('in Node', () => {
  test.each(casesOf('node').map((one) => [one.name, one] as const))('%s', (_, one) => run(one, { runtime: 'node', ...server }))
})

describe('a numbered source, cut off at random 300 times and more', () => {
  test.each([
    ['EventSource', readByEventSource],
    ['connect', readByConnect],
  ])(
    '%s gives exactly the numbers, once, in order',
    async (_, read) => {
      let rounds = 0
      for (let seed = 100; seed < 140; seed++) {
        const one = {
          name: `seed ${seed}`,
          run: async (context: Parameters<typeof read>[0]) => void (rounds += await read(context, seed, 100)),
        }
        await run(one, { runtime: 'node', ...server })
      }
      expect(rounds).toBeGreaterThanOrEqual(300)
    },
    600_000,
  )
})
