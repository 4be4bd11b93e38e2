import type { Engine, History } from '../../engines/engine.js'
import { pattern, selects, type Selector } from '../../protocol/topic.js'
import { check, datas, put, read, same, seqs, type Bench } from './bench.js'

const SEEDS = [1, 2, 3, 4]
const STEPS = 60

// Each topic with one history, so that what must be kept is known.
const HISTORIES: Readonly<Record<string, History>> = {
  all: {},
  'few/3': { size: 3 },
  'few/1': { size: 1 },
  none: { size: 0 },
  'bytes/40': { bytes: 40 },
  'both/a': { size: 5, bytes: 60 },
  'late/x': { size: 20 },
}
const TOPICS = Object.keys(HISTORIES)
const PATTERNS = ['**', '*', 'few/*', 'late/**', 'nobody/*'].map((text) => pattern(text))

interface Known {
  readonly seq: number
  readonly prev: number
  readonly topic: string
  readonly data: string
}

export const modelRules = SEEDS.map((seed) => ({
  name: `model: random appends and reads agree with a list in memory (seed ${seed})`,
  async run({ engine, epoch, head }: Bench) {
    const random = randomOf(seed)
    const log: Known[] = []
    const keys = new Map<string, Known>()
    for (let step = 0; step < STEPS; step++) {
      try {
        await appendSome(engine, random, log, keys, { epoch, head })
        const kept = await lookAtEach(engine, log)
        for (let reads = 0; reads < 3; reads++) await readSome(engine, random, log, kept, head)
      } catch (error) {
        throw new Error(`in step ${step} of seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      }
    }
  },
}))

/** One to twenty appends in flight, now and then with a key, now and then with one that was used. */
async function appendSome(
  engine: Engine,
  random: Random,
  log: Known[],
  keys: Map<string, Known>,
  { epoch, head }: { epoch: string; head: number },
): Promise<void> {
  const drafts = Array.from({ length: random.upTo(random.one([1, 1, 3, 20])) }, () => {
    // Some are born late.
    const topic = random.one(TOPICS.slice(0, log.length < 100 ? -1 : undefined))
    const used = [...keys].filter(([, item]) => item.topic === topic)
    const repeat = used.length > 0 && random.upTo(4) === 1 ? random.one(used) : undefined
    const idempotencyKey = repeat?.[0] ?? (random.upTo(5) === 1 ? `key ${random.upTo(1e9)}` : undefined)
    return { topic, data: repeat?.[1].data ?? random.text(), idempotencyKey, first: repeat?.[1] }
  })
  const answers = await Promise.all(
    drafts.map(({ topic, data, idempotencyKey }) => put(engine, topic, data, HISTORIES[topic], { idempotencyKey })),
  )

  const news: Known[] = []
  for (const [at, { topic, data, idempotencyKey, first }] of drafts.entries()) {
    const { seq, prev } = answers[at] as { seq: number; prev: number }
    if (first) {
      same([seq, prev], [first.seq, first.prev], `the position of a repeated key of ${topic}`)
      continue
    }
    const item = { seq, prev, topic, data }
    news.push(item)
    if (idempotencyKey !== undefined) keys.set(idempotencyKey, item)
  }
  for (const topic of new Set(news.map((item) => item.topic))) {
    const mine = seqs(news.filter((item) => item.topic === topic))
    same(
      mine,
      mine.toSorted((a, b) => a - b),
      `the numbers of appends to ${topic} in flight, in the order of the calls`,
    )
  }
  for (const item of news.toSorted((a, b) => a.seq - b.seq)) {
    same(item.seq, head + log.length + 1, `the number of an item of ${item.topic}`)
    same(item.prev, log.findLast(({ topic }) => topic === item.topic)?.seq ?? 0, `\`prev\` of item ${item.seq} of ${item.topic}`)
    log.push(item)
  }
  const page = await read(engine, 'all')
  same([page.epoch, page.head], [epoch, head + log.length], 'epoch and head')
}

/** Each topic keeps its newest items, all that its history keeps, and says what it doesn't. Gives the numbers of what is kept. */
async function lookAtEach(engine: Engine, log: readonly Known[]): Promise<ReadonlySet<number>> {
  const kept = new Set<number>()
  for (const topic of TOPICS) {
    const all = log.filter((item) => item.topic === topic)
    const { items, trimmed } = await read(engine, topic)
    const least = all.length - mustKeep(all, HISTORIES[topic] ?? {})
    check(
      items.length >= all.length - least,
      `${topic} keeps ${items.length} of ${all.length} items, but its history keeps ${all.length - least}`,
    )
    const expected = all.slice(all.length - items.length)
    same(seqs(items), seqs(expected), `the items that ${topic} keeps`)
    same(
      datas(items),
      expected.map(({ data }) => data),
      `the data of ${topic}`,
    )
    same(
      items.map(({ prev }) => prev),
      expected.map(({ prev }) => prev),
      `\`prev\` of the items of ${topic}`,
    )
    same(
      trimmed,
      all[all.length - items.length - 1]?.seq ?? 0,
      `\`trimmed\` of ${topic}, which has dropped ${all.length - items.length} of ${all.length}`,
    )
    for (const { seq } of items) kept.add(seq)
  }
  return kept
}

/** How many of the newest items a history keeps. */
function mustKeep(items: readonly Known[], { size = Infinity, bytes = Infinity }: History): number {
  let count = 0
  let sum = 0
  for (const { data } of items.toReversed()) {
    sum += new TextEncoder().encode(data).length
    if (count === size || sum > bytes) break
    count++
  }
  return count
}

/** Any selectors from anywhere: exactly the kept items of the log, cut where it may be cut. */
async function readSome(engine: Engine, random: Random, log: readonly Known[], kept: ReadonlySet<number>, head: number): Promise<void> {
  const selectors: Selector[] = Array.from({ length: random.upTo(3) }, () => random.one<Selector>([...TOPICS, ...PATTERNS, 'nobody']))
  const after = head + random.upTo(log.length + 2) - 1
  const upTo = random.upTo(3) === 1 ? head + random.upTo(log.length + 5) : undefined
  const limit = random.one([1, 3, 10, 100_000])
  const bytes = random.one([1, 30, 2 ** 30, 2 ** 30])
  const page = await engine.read(selectors, after, { ...(upTo !== undefined && { upTo }), limit, bytes })
  const what = `read [${selectors.map((one) => (typeof one === 'string' ? one : `pattern ${one.text}`)).join(', ')}] after ${after}, upTo ${upTo}, limit ${limit}, bytes ${bytes}`

  const end = Math.min(upTo ?? Infinity, head + log.length)
  const wanted = log.filter(({ seq, topic }) => seq > after && seq <= end && kept.has(seq) && selects(selectors, topic))
  same(seqs(page.items), seqs(wanted.slice(0, page.items.length)), `${what}: the items`)
  const next = wanted[page.items.length]
  const size = wanted.slice(0, page.items.length + 1).reduce((sum, { data }) => sum + new TextEncoder().encode(data).length, 0)
  check(page.items.length <= limit, `${what}: ${page.items.length} items`)
  check(
    next === undefined || page.items.length === limit || size > bytes,
    `${what}: item ${next?.seq} is missing, and neither limit nor bytes cut it off`,
  )
  check(next === undefined || page.items.length > 0, `${what}: gave nothing, though there is item ${next?.seq}`)
  const through = next === undefined ? end : (page.items.at(-1)?.seq ?? 0)
  // With nothing left out both are true: where the last item is, and the end.
  check(
    page.through === through || (next === undefined && page.items.length >= Math.min(limit, 1) && page.through === page.items.at(-1)?.seq),
    `${what}: \`through\` is ${page.through} instead of ${through}`,
  )

  let trimmed = 0
  for (const topic of TOPICS.filter((topic) => selects(selectors, topic))) {
    trimmed = Math.max(trimmed, log.findLast((item) => item.topic === topic && !kept.has(item.seq))?.seq ?? 0)
  }
  same(page.trimmed, trimmed, `${what}: \`trimmed\``)
}

interface Random {
  /** A whole number from 1. */
  upTo(most: number): number
  one<T>(of: readonly T[]): T
  text(): string
}

/** The same sequence for the same seed (mulberry32). */
function randomOf(seed: number): Random {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const upTo = (most: number): number => 1 + Math.floor(next() * most)
  const one = <T>(of: readonly T[]): T => of[upTo(of.length) - 1] as T
  return { upTo, one, text: () => one(['x', 'é', '\n', '']).repeat(upTo(15)) + upTo(1000) }
}
