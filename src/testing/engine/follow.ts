import type { Engine, Passed, StoredItem } from '../../engines/engine.js'
import { pattern } from '../../protocol/topic.js'
import { check, put, read, same, until, wait, type Bench } from './bench.js'

const nothing = (): void => {}

/** What an engine tells, gathered. */
interface Told {
  readonly whole: readonly StoredItem[]
  readonly passed: readonly Passed[]
  /** As far as the log is known to go. */
  readonly known: () => number
  stop(): void
}

function hear(engine: Engine, head: number, wantsPassed = true): Told {
  const whole: StoredItem[] = []
  const passed: Passed[] = []
  let known = head
  const note = (items: readonly Passed[], through: number): void => {
    known = Math.max(known, through, ...items.map(({ seq }) => seq))
  }
  const stop = engine.watch(
    (items, through) => {
      whole.push(...items)
      note(items, through)
    },
    nothing,
    wantsPassed
      ? (items) => {
          passed.push(...items)
          note(items, 0)
        }
      : undefined,
  )
  return { whole, passed, known: () => known, stop }
}

/** Appends until an item of the topic has come whole: what is followed takes effect some time after it was asked for. */
async function comesWhole(engine: Engine, told: Told, topic: string, what: string): Promise<void> {
  const before = told.whole.length
  await until(async () => {
    await put(engine, topic, 'x')
    await wait(20)
    return told.whole.slice(before).some((item) => item.topic === topic)
  }, what)
}

/** Of engines that carry only followed topics whole; the others have nothing to show. */
export const followRules = [
  {
    name: 'follow: of what nobody follows the places are told, and are those of the log',
    async run({ engine, head }: Bench) {
      if (!engine.follow) return
      const told = hear(engine, head)
      const stop = engine.follow([])
      await wait(50)
      for (let at = 0; at < 20; at++) await put(engine, `t/${at % 3}`, `item ${at}`)
      await until(() => told.known() >= head + 20, `hints of 20 items that nobody follows, up to ${head + 20}`)
      stop()
      told.stop()
      const { items } = await read(engine, pattern('**'), head)
      for (const { seq, prev, topic } of [...told.passed, ...told.whole]) {
        const item = items.find((one) => one.seq === seq)
        same({ seq, prev, topic }, { seq: item?.seq, prev: item?.prev, topic: item?.topic }, `the place of item ${seq} in a hint`)
      }
    },
  },
  {
    name: 'follow: who does not listen for places is told how far the log goes',
    async run({ engine, head }: Bench) {
      if (!engine.follow) return
      const told = hear(engine, head, false)
      engine.follow([])
      await wait(50)
      for (let at = 0; at < 5; at++) await put(engine, 'a', `item ${at}`)
      await until(() => told.known() >= head + 5, `a hint that the log goes up to ${head + 5}`)
      told.stop()
    },
  },
  {
    name: 'follow: items of followed topics come whole, by name and by pattern, also of a topic that is born later',
    async run({ engine, head }: Bench) {
      if (!engine.follow) return
      const told = hear(engine, head)
      engine.follow([])
      const stops = [engine.follow(['a']), engine.follow([pattern('p/*'), 'b'])]
      for (const topic of ['a', 'b', 'p/1', 'p/2']) await comesWhole(engine, told, topic, `an item of ${topic}, which is followed, whole`)
      for (const stop of stops) stop()
      told.stop()
      const { items } = await read(engine, pattern('**'), head)
      for (const item of told.whole)
        same(item.fields, items.find(({ seq }) => seq === item.seq)?.fields, `the fields of item ${item.seq} in a hint`)
    },
  },
  {
    name: 'follow: what two follow is followed until both have stopped, and stopping twice is once',
    async run({ engine, head }: Bench) {
      if (!engine.follow) return
      const told = hear(engine, head)
      engine.follow([])
      const stop = engine.follow(['a'])
      const stopOther = engine.follow(['a', 'b'])
      await comesWhole(engine, told, 'a', 'an item of a, which two follow, whole')
      stop()
      stop()
      await wait(100)
      await comesWhole(engine, told, 'a', 'an item of a, which one still follows, whole')
      stopOther()
      const again = engine.follow(['a'])
      await comesWhole(engine, told, 'a', 'an item of a, which is followed again, whole')
      again()
      told.stop()
    },
  },
]

/** Of what another node has appended. */
export const sharedFollowRules = [
  {
    name: 'follow, shared: of what another appends, places are told, and what is followed comes whole',
    async run({ engine, head, reopen }: Bench) {
      if (!engine.follow) return
      const other = await reopen()
      const told = hear(other, head)
      other.follow?.([])
      other.follow?.(['a'])
      await comesWhole(engine, told, 'a', 'an item of a, which the other follows, whole')
      const { seq } = await put(engine, 'b', 'x')
      await until(() => told.known() >= seq, `a hint of item ${seq} at the other, which does not follow its topic`)
      told.stop()
      check(
        told.passed.every(({ topic }) => topic === 'a' || topic === 'b'),
        'the other was told places of topics that there are not',
      )
    },
  },
]
