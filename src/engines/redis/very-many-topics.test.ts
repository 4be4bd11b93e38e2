import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { clientOf, newHub } from '../../../test/engines/redis-engines.js'
import { createFaultProxy } from '../../../test/helpers/fault-proxy.js'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../../../test/helpers/redis.js'
import { pattern, type Selector } from '../../protocol/topic.js'
import type { AppendOptions, Engine, Page } from '../engine.js'
import { redisEngine } from './index.js'

const TOPICS = 6000
const topics = Array.from({ length: TOPICS }, (_, at) => `user/${at}`)

let server: RedisServer
let engine: Engine
const name = newHub()
beforeAll(async () => {
  server = await startRedis({ appendonly: 'off' })
  engine = redisEngine({ client: clientOf(server.port), name })
  await engine.open()
  await Promise.all(topics.map((topic) => put(topic, `first of ${topic}`)))
  await Promise.all(['other', ...topics.slice(0, 100)].map((topic) => put(topic, `second of ${topic}`)))
  // As when far more items have come since than the log of all topics holds.
  await server.send('XTRIM', `{${name}}:log`, 'MAXLEN', 10)
}, 120_000)
afterAll(async () => {
  await engine.close()
  await removeRedis()
})

const put = async (topic: string, data: string, history: AppendOptions['history'] = {}): Promise<number> =>
  (await engine.append(topic, { data }, { history }))?.seq ?? 0

async function pages(selectors: readonly Selector[], after: number, { limit = 1000 } = {}): Promise<readonly Page[]> {
  const all: Page[] = []
  let at = after
  for (;;) {
    const page = await engine.read(selectors, at, { limit, bytes: 2 ** 20, upTo: TOPICS + 101 })
    all.push(page)
    expect(page.items.length).toBeLessThanOrEqual(limit)
    expect(page.through).toBeGreaterThan(at)
    at = page.through
    if (at >= TOPICS + 101) return all
  }
}

const seqs = (all: readonly Page[]): readonly number[] => all.flatMap(({ items }) => items.map(({ seq }) => seq))
const numbers = (from: number, to: number): readonly number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at)

describeWithRedis('reading very many topics of long ago', () => {
  // Redis does nothing else meanwhile, for nobody: with hundreds of thousands of topics that was for seconds.
  test.each<[string, readonly Selector[]]>([
    ['a pattern', [pattern('**')]],
    ['their names', topics],
  ])('by %s holds up Redis for a part of them at a time', async (_, selectors) => {
    await server.send('CONFIG', 'RESETSTAT')
    const page = await engine.read(selectors, 0, { limit: 100, bytes: 2 ** 20 })
    expect(page.items.map(({ seq }) => seq)).toEqual(numbers(1, 100))
    const stats = String(await server.send('INFO', 'commandstats'))
    const callsOf = (command: string): number => Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1])
    expect(callsOf('xrange') / callsOf('evalsha')).toBeLessThan(TOPICS / 2)
  })

  describe.each([1000, 2000, 10_000])('in pages of %i', (limit) => {
    test.each([0, 1, 2500, TOPICS - 1, TOPICS])('gives each item once, in order, after %i', async (after) => {
      const all = await pages([pattern('**')], after, { limit })
      expect(seqs(all)).toEqual(numbers(after + 1, TOPICS + 101))
      expect(all.map(({ trimmed }) => trimmed)).toEqual(all.map(() => 0))
    })
  })

  test('of a pattern that only some match, and of names, gives theirs', async () => {
    expect(seqs(await pages([pattern('user/*')], 0))).toEqual(numbers(1, TOPICS + 101).filter((seq) => seq !== TOPICS + 1))
    expect(seqs(await pages(topics.slice(1), 0))).toEqual(numbers(2, TOPICS + 101).filter((seq) => ![TOPICS + 1, TOPICS + 2].includes(seq)))
  })

  test('while others publish to them gives the same, and what is dropped meanwhile is told', async () => {
    const publishing = (async () => {
      for (let at = 0; at < TOPICS; at += 20) await Promise.all(topics.slice(at, at + 20).map((topic) => put(topic, 'later')))
    })()
    for (let round = 0; round < 3; round++) expect(seqs(await pages([pattern('**')], 0))).toEqual(numbers(1, TOPICS + 101))
    await publishing
    // Its turn comes last: it is dropped after the first part was read, and before the last one.
    const last = topics.at(-1) as string
    const proxy = await createFaultProxy(server)
    const far = redisEngine({ client: clientOf(proxy.port), name })
    onTestFinished(() => far.close())
    await far.open()
    proxy.latency(100)
    const reading = far.read([pattern('**')], 0, { limit: 10_000, bytes: 2 ** 30, upTo: TOPICS + 101 })
    await new Promise((resolve) => setTimeout(resolve, 300))
    const dropping = put(last, 'all that is kept', { size: 1 })
    const { items, trimmed } = await reading
    expect(trimmed >= TOPICS).toBe(!items.some(({ topic, seq }) => topic === last && seq <= TOPICS))
    expect(await dropping).toBeGreaterThan(TOPICS + 101)
  })
})
