import type { Engine } from '../../engines/engine.js'
import { check, same, until, wait, type Bench } from './bench.js'

type Nodes = NonNullable<Engine['nodes']>

/** How many of 40 passed, with 5 in a second, and how many may have: as many seconds as it took had a part in it, and one that had begun. */
async function passAtOnce(all: readonly Nodes[]): Promise<{ count: number; most: number }> {
  const begun = performance.now()
  const passing = await Promise.all(Array.from({ length: 40 }, (_, at) => (all[at % all.length] as Nodes).pass('ann', 5)))
  const seconds = Math.ceil((performance.now() - begun) / 1000)
  return { count: passing.filter((passes) => passes).length, most: 5 * (seconds + 1) }
}

/** Of engines by which the processes of a hub know of each other; the others have nothing to show. */
export const nodesRules = [
  {
    name: 'nodes: counts are taken together or not at all, and never beyond a limit',
    async run({ engine: { nodes } }: Bench) {
      if (!nodes) return
      const seat = { key: 'ann', limit: 5 }
      const answers = await Promise.all(Array.from({ length: 30 }, () => nodes.take([seat])))
      same(answers.filter((answer) => answer === -1).length, 5, 'how many of 30 at once were taken, with a limit of 5')
      same(answers.filter((answer) => answer === 0).length, 25, 'how many of 30 at once were answered with the index of the full one')
      const other = { key: 'bob', limit: 1 }
      same(await nodes.take([other, seat]), 1, 'the index of the full one of two')
      same(await nodes.take([other]), -1, 'a count of which nothing was taken because another was full')
      same(await nodes.take([other, seat]), 0, 'the index of the first full one of two')
      nodes.give(['ann'])
      await until(async () => (await nodes.take([seat])) === -1, 'what was given back can be taken again')
      same(await nodes.take([seat]), 0, 'taking once more')
    },
  },
  {
    name: 'nodes: so many pass in a second, each key by itself',
    async run({ engine: { nodes } }: Bench) {
      if (!nodes) return
      const { count, most } = await passAtOnce([nodes])
      check(count >= 5 && count <= most, `5 may pass in a second: ${count} of 40 at once passed`)
      check(await nodes.pass('bob', 5), 'another key must pass')
      await until(() => nodes.pass('ann', 5), 'it must pass again a second later')
    },
  },
]

export const sharedNodesRules = [
  {
    name: 'nodes, shared: what is told is heard by all, the teller too, in one order',
    async run({ engine, reopen }: Bench) {
      if (!engine.nodes) return
      const all = [engine.nodes, (await reopen()).nodes as Nodes]
      const heard: string[][] = [[], []]
      const stops = all.map((nodes, at) => nodes.hear((message) => void heard[at]?.push(message)))
      await Promise.all(Array.from({ length: 20 }, (_, at) => (all[at % 2] as Nodes).tell(`message ${at}`)))
      await until(() => heard.every((one) => one.length >= 20), 'both hear 20 messages')
      same(heard[1], heard[0], 'what the other has heard')
      same(heard[0]?.toSorted(), Array.from({ length: 20 }, (_, at) => `message ${at}`).toSorted(), 'the messages')
      stops[1]?.()
      stops[1]?.()
      await (all[1] as Nodes).tell('last')
      await until(() => heard[0]?.at(-1) === 'last', 'the one that still listens hears more')
      await wait(50)
      same(heard[1]?.length, 20, 'the messages heard by the one that has stopped')
    },
  },
  {
    name: 'nodes, shared: counts and passes are those of all together',
    async run({ engine, reopen }: Bench) {
      if (!engine.nodes) return
      const all = [engine.nodes, (await reopen()).nodes as Nodes]
      const answers = await Promise.all(Array.from({ length: 30 }, (_, at) => (all[at % 2] as Nodes).take([{ key: 'ann', limit: 5 }])))
      same(answers.filter((answer) => answer === -1).length, 5, 'how many of 30 at once, at both, were taken, with a limit of 5')
      const { count, most } = await passAtOnce(all)
      check(count >= 5 && count <= most, `5 may pass in a second: ${count} of 40 at once, at both, passed`)
    },
  },
  {
    name: 'nodes, shared: each reads what the others say of themselves, the last of it',
    async run({ engine, reopen }: Bench) {
      if (!engine.nodes) return
      const [one, other] = [engine.nodes, (await reopen()).nodes as Nodes]
      same(await one.notes(), [], 'the notes of others, before they have said anything')
      await other.note('first')
      await other.note('{"connections":1}')
      await one.note('its own')
      same(await one.notes(), ['{"connections":1}'], 'the notes of others')
      same(await other.notes(), ['its own'], 'the notes of the others, at the other')
    },
  },
]
