import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createHub, pattern, type Hub, type HubOptions } from '../../src/hub/index.js'
import type { SseItem } from '../../src/index.js'
import { faultyStore, randomFrom } from './faulty-engine.js'
import { follow, type Stream } from './over-http.js'
import { sharedNodes, type Link, type SharedNode, type SharedNodes } from './shared-nodes.js'
import { inVirtualTime, type Clock } from './virtual-time.js'

type Options = HubOptions<unknown, SseItem<string>>

interface Node {
  readonly hub: Hub
  readonly link: SharedNode
  readonly errors: unknown[]
}

interface Stage {
  readonly clock: Clock
  readonly shared: SharedNodes
  readonly a: Node
  readonly b: Node
}

const by = (principal: string): Record<string, string> => ({ authorization: principal })

/** Two nodes of one hub over one store, in time of its own. In the end nothing is taken any more. */
function twoNodes(options: Options, run: (stage: Stage) => Promise<void>, random = randomFrom(1)): () => Promise<void> {
  return () =>
    inVirtualTime(async (clock) => {
      const store = faultyStore(random)
      const shared = sharedNodes()
      const create = async (): Promise<Node> => {
        const link = shared.node(() => random() * 5)
        const errors: unknown[] = []
        const engine = {
          ...store.node(),
          nodes: link,
          get isAway() {
            return link.link === 'rejects'
          },
        }
        const hub = createHub({
          authorize: ({ headers }) => ({ principal: headers.get('authorization') ?? undefined, read: pattern('**'), write: pattern('**') }),
          ...options,
          engine,
          onError: (error) => void errors.push(error),
        })
        await hub.ready
        return { hub, link, errors }
      }
      const [a, b] = [await create(), await create()]
      await clock.sleep(10)
      await run({ clock, shared, a, b })
      for (const { hub, link } of [a, b]) {
        link.become('here')
        await hub.close()
      }
      await clock.sleep(5000)
      expect([...shared.taken]).toEqual([])
    })
}

const settle = (clock: Clock): Promise<void> => clock.sleep(30)
const countOf = (streams: readonly Stream[], status: number): number => streams.filter((stream) => stream.status === status).length

describe('connections', () => {
  const rows: [string, Options, Record<string, string>][] = [
    ['principal', { limits: { connectionsPerPrincipal: 5 } }, by('ann')],
    ['address', { limits: { connectionsPerAddress: 5 }, trustProxy: true }, { 'x-forwarded-for': '203.0.113.7' }],
  ]

  test.each(rows)('of one %s: many at once on both nodes, and no more than the limit are let in', (kind, options, headers) =>
    twoNodes(options, async ({ clock, a, b, shared }) => {
      const streams = await Promise.all(Array.from({ length: 40 }, (_, n) => follow((n % 2 ? a : b).hub, '/events?topic=a', headers)))
      expect([countOf(streams, 200), countOf(streams, 429)]).toEqual([5, 35])
      expect(streams.find(({ status }) => status === 429)?.code).toBe('TOO_MANY_CONNECTIONS')
      expect([...shared.most.values()]).toEqual([5])
      expect([...shared.taken.keys()][0]).toContain(kind)
      // Who leaves one makes room at the other.
      for (const stream of streams) if (stream.status === 200) stream.leave()
      await settle(clock)
      expect([...shared.taken]).toEqual([])
      const again = await Promise.all(Array.from({ length: 10 }, () => follow(b.hub, '/events?topic=a', headers)))
      expect(countOf(again, 200)).toBe(5)
    })(),
  )

  test(
    'beyond one limit take nothing of the other',
    twoNodes({ limits: { connectionsPerPrincipal: 1, connectionsPerAddress: 2 }, trustProxy: true }, async ({ a, b }) => {
      const from = (principal: string): Record<string, string> => ({ ...by(principal), 'x-forwarded-for': '203.0.113.7' })
      expect((await follow(a.hub, '/events?topic=a', from('ann'))).status).toBe(200)
      for (let n = 0; n < 5; n++) expect((await follow(b.hub, '/events?topic=a', from('ann'))).status).toBe(429)
      expect((await follow(b.hub, '/events?topic=a', from('bob'))).status).toBe(200)
      expect((await follow(b.hub, '/events?topic=a', from('eve'))).status).toBe(429)
    }),
  )

  test(
    'of one process are counted by each process for itself',
    twoNodes({ limits: { connections: 2 } }, async ({ a, b }) => {
      const streams = await Promise.all(Array.from({ length: 8 }, (_, n) => follow((n % 2 ? a : b).hub, '/events?topic=a')))
      expect([countOf(streams, 200), countOf(streams, 503)]).toEqual([4, 4])
    }),
  )

  test.each<Link>(['rejects', 'hangs'])(
    'while the store is away (it %s) each node goes by its own counts, and gives back later what it has taken before',
    (link) =>
      twoNodes({ limits: { connectionsPerPrincipal: 2 } }, async ({ clock, a, b, shared }) => {
        const first = await follow(a.hub, '/events?topic=a', by('ann'))
        a.link.become(link)
        const begun = clock.now
        const more = [await follow(a.hub, '/events?topic=a', by('ann')), await follow(a.hub, '/events?topic=a', by('ann'))]
        expect(more.map(({ status }) => status)).toEqual([200, 429])
        expect(clock.now - begun).toBeLessThan(2500)
        expect((await follow(b.hub, '/events?topic=a', by('ann'))).status).toBe(200)
        first.leave()
        more[0]?.leave()
        await settle(clock)
        expect([...shared.taken.values()]).toEqual([2])
        a.link.become('here')
        await settle(clock)
        expect([...shared.taken.values()]).toEqual([1])
      })(),
  )

  test(
    'that were taken too late for anybody to wait are given back once all the same',
    twoNodes({ limits: { connectionsPerPrincipal: 2 } }, async ({ clock, a, shared }) => {
      const { take } = a.link
      Object.assign(a.link, { take: async (counts: Parameters<typeof take>[0]) => (await clock.sleep(4000), take(counts)) })
      const stays = await follow(a.hub, '/events?topic=a', by('ann'))
      const leaves = await follow(a.hub, '/events?topic=a', by('ann'))
      expect([stays.status, leaves.status]).toEqual([200, 200])
      leaves.leave()
      await clock.sleep(5000)
      expect([...shared.taken.values()]).toEqual([1])
      stays.leave()
      await settle(clock)
      expect([...shared.taken]).toEqual([])
    }),
  )

  test(
    'of which nobody reads the answer are given back',
    twoNodes({ limits: { connectionsPerPrincipal: 2 } }, async ({ clock, a, shared }) => {
      const left = new AbortController()
      const headers = by('ann')
      const asked = a.hub.fetch(new Request('http://a.test/events?topic=a', { headers, signal: left.signal }))
      left.abort()
      await asked
      await settle(clock)
      expect([...shared.taken]).toEqual([])
    }),
  )

  test('whatever happens, are never more than the limit of those that were asked for while the store was there', async () => {
    const op = fc.record({ node: fc.nat(1), who: fc.nat(2), do: fc.constantFrom('come', 'come', 'leave', 'away', 'back', 'wait') })
    let admitted = 0
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(op, { maxLength: 60, size: 'max' }), async (seed, ops) => {
        await twoNodes(
          { limits: { connectionsPerPrincipal: 3 } },
          async ({ clock, a, b, shared }) => {
            const streams: Promise<Stream>[] = []
            for (const { node, who, do: what } of ops) {
              const { hub, link } = node ? a : b
              if (what === 'come') streams.push(follow(hub, '/events?topic=a', by(`p${who}`)))
              else if (what === 'leave') void streams.splice(who, 1)[0]?.then((stream) => stream.leave())
              else if (what === 'wait') await clock.sleep(who * 7)
              else link.become(what === 'away' ? 'rejects' : 'here')
            }
            await settle(clock)
            admitted += countOf(await Promise.all(streams), 200)
            for (const most of shared.most.values()) expect(most).toBeLessThanOrEqual(3)
            for (const { hub, link } of [a, b]) {
              expect(hub.stats().connections).toBeLessThanOrEqual(18)
              link.become('here')
            }
            for (const stream of streams) (await stream).leave()
            await settle(clock)
            expect([...shared.taken]).toEqual([])
          },
          randomFrom(seed),
        )()
      }),
      { numRuns: 60 },
    )
    expect(admitted).toBeGreaterThan(100)
  })
})

describe('publishes in a second', () => {
  const publish = (hub: Hub, who = 'ann'): Promise<number> =>
    hub.fetch(new Request('http://a.test/topics/a', { method: 'POST', body: 'x', headers: by(who) })).then(({ status }) => status)

  test.each<Link>(['rejects', 'hangs'])('are counted over all nodes, and by each for itself while the store is away (it %s)', (link) =>
    twoNodes({ limits: { publishesPerSecond: 5 } }, async ({ clock, a, b }) => {
      // The whole of a second, as the store counts it.
      await clock.sleep(1000 - (Date.now() % 1000))
      const statuses = await Promise.all(Array.from({ length: 10 }, (_, n) => publish((n % 2 ? a : b).hub)))
      expect(statuses.filter((status) => status === 201)).toHaveLength(5)
      expect(statuses.filter((status) => status === 429)).toHaveLength(5)
      expect(await publish(a.hub, 'bob')).toBe(201)
      await clock.sleep(2000)
      for (const node of [a, b]) node.link.become(link)
      const away = await Promise.all(Array.from({ length: 20 }, (_, n) => publish((n % 2 ? a : b).hub)))
      expect(away.filter((status) => status === 201)).toHaveLength(10)
    })(),
  )
})

describe('revoke', () => {
  test(
    'ends the streams of all nodes, at once of its own; who comes back is not ended once more',
    twoNodes({}, async ({ clock, a, b }) => {
      const streams = [await follow(a.hub, '/events?topic=a', by('ann')), await follow(b.hub, '/events?topic=a', by('ann'))]
      const other = await follow(b.hub, '/events?topic=a', by('bob'))
      await settle(clock)
      a.hub.revoke('ann')
      expect(a.hub.stats().connections).toBe(0)
      const again = await follow(a.hub, '/events?topic=a', by('ann'))
      await settle(clock)
      expect([...streams, other, again].map(({ isOpen }) => isOpen)).toEqual([false, false, true, true])
    }),
  )

  test.each<Link>(['rejects', 'hangs'])(
    'is told until it is heard, by a node that is cut off (it %s) and to one: once it is back; reported once',
    (link) =>
      twoNodes({}, async ({ clock, a, b }) => {
        const ann = await follow(b.hub, '/events?topic=a', by('ann'))
        const bob = await follow(a.hub, '/events?topic=a', by('bob'))
        const eve = await follow(b.hub, '/events?topic=a', by('eve'))
        await settle(clock)
        a.link.become(link)
        a.hub.revoke('ann')
        a.hub.revoke('ann')
        a.hub.revoke('eve')
        b.hub.revoke('bob')
        await clock.sleep(60_000)
        expect([ann, bob, eve].map(({ isOpen }) => isOpen)).toEqual([true, true, true])
        expect(a.errors).toHaveLength(1)
        a.link.become('here')
        await clock.sleep(8000)
        expect([ann, bob, eve].map(({ isOpen }) => isOpen)).toEqual([false, false, false])
        // Once more, and it is told of once more.
        a.link.become(link)
        a.hub.revoke('ann')
        await clock.sleep(60_000)
        expect(a.errors).toHaveLength(2)
      })(),
  )

  test(
    'of a principal that is revoked anew while that is being told is told anew',
    twoNodes({}, async ({ clock, a, b }) => {
      a.hub.revoke('ann')
      await clock.sleep(15)
      const ann = await follow(b.hub, '/events?topic=a', by('ann'))
      a.hub.revoke('ann')
      await settle(clock)
      expect(ann.isOpen).toBe(false)
    }),
  )
})

describe('stats', () => {
  test(
    'are those of all nodes: its own of now, the others of a moment ago; of those that are there',
    twoNodes({}, async ({ clock, a, b }) => {
      await follow(a.hub, '/events?topic=a')
      await follow(b.hub, '/events?topic=a')
      await follow(b.hub, '/events?topic=b')
      await a.hub.publish('a', '1')
      await b.hub.publish('b', '2')
      await clock.sleep(2500)
      for (const { hub } of [a, b])
        expect(hub.stats()).toEqual({ connections: 3, topics: 4, published: 2, delivered: 3, gaps: 0, nodes: 2 })
      const { body } = await a.hub.fetch(new Request('http://a.test/stats')).then(async (response) => ({ body: await response.json() }))
      expect(body).toEqual(a.hub.stats())
      // Its own at once.
      await follow(a.hub, '/events?topic=a')
      expect(a.hub.stats().connections).toBe(4)
      a.link.become('rejects')
      await clock.sleep(8000)
      expect(a.hub.stats()).toMatchObject({ connections: 2, nodes: 1 })
      a.link.become('here')
      await clock.sleep(2500)
      expect(a.hub.stats()).toMatchObject({ connections: 4, nodes: 2 })
      await b.hub.close()
      await clock.sleep(2500)
      expect(a.hub.stats()).toMatchObject({ connections: 2, nodes: 1 })
    }),
  )
})
