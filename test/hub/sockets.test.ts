import { request, type IncomingMessage } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { createHub, type Hub } from '../../src/hub/hub.js'
import { pattern, selectorsOf, type Topics } from '../../src/protocol/topic.js'
import { parseEventStream } from '../../src/protocol/read.js'
import { sendSse } from '../../src/respond/node.js'
import { serve, sleep, when } from '../helpers/servers.js'
import { blocksOf } from './client.js'
import { faultyStore, randomFrom, type Faults, type Store } from './faulty-engine.js'
import { createJudge, type Judge } from './judge.js'

const hubs: Hub[] = []

afterEach(async () => {
  await Promise.all(hubs.splice(0).map((hub) => hub.close()))
})

interface Node {
  readonly hub: Hub
  readonly url: string
}

/** A node with a server: `/` follows what the test says. */
async function node(store: Store, topics: (url: string) => Topics, faults?: Faults, settings?: object): Promise<Node> {
  const hub = createHub({ engine: store.node(faults), topics: settings as never, onError: () => {} })
  hubs.push(hub)
  await hub.ready
  const { url } = await serve((req, res) => void sendSse(req, res, hub.subscribe(topics(req.url ?? '/')), { keepAlive: 200 }))
  return { hub, url }
}

interface Socketed {
  readonly judge: Judge
  /** Rejects for what breaks a law. */
  readonly over: Promise<void>
  /** Without a word, as a phone in a tunnel. */
  destroy(): void
}

/** A client over a real socket, that takes its time. */
function follow(url: string, store: Store, topics: Topics, given: string, slow: () => number): Socketed {
  const judge = createJudge({ store, selectors: selectorsOf(topics), given })
  const req = request(url, { headers: given === '' ? {} : { 'last-event-id': given }, agent: false })
  req.on('error', () => {})
  async function read(): Promise<void> {
    const res = await new Promise<IncomingMessage | undefined>((resolve) => {
      req.on('response', resolve).on('close', () => resolve(undefined))
      req.end()
    })
    if (!res) return
    const chunks = res[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
    const blocks = blocksOf(() => chunks.next().catch(() => ({ done: true as const, value: undefined })))
    for (let result = await blocks.next(); !result.done; result = await blocks.next()) {
      for (const block of result.value) await judge.take(block)
      const time = slow()
      if (time > 0) await sleep(time)
    }
  }
  const over = read()
  over.catch(() => {})
  return { judge, over, destroy: () => void req.destroy() }
}

const SETS: readonly Topics[] = ['a', ['a', 'b'], pattern('**'), ['b', 'c'], 'c']

describe('over real sockets', () => {
  test('readers of any speed, cut off at any moment, get everything or are told', async () => {
    const random = randomFrom(7)
    const store = faultyStore(random)
    const settings = { a: { history: { size: 20 } } }
    const faults = { lose: 0.05, double: 0.05, late: 5 }
    const topics = (url: string): Topics => SETS[Number(url.slice(1))] as Topics
    const nodes = [await node(store, topics, faults, settings), await node(store, topics, faults, settings)]
    const at = (index: number): Node => nodes[index % nodes.length] as Node
    const sessions: Socketed[] = []
    const start = (client: number, given: string): Socketed => {
      const set = client % SETS.length
      const slow = client % 4 === 3 ? () => 4 + random() * 20 : () => 0
      const session = follow(`${at(client + sessions.length).url}/${set}`, store, SETS[set] as Topics, given, slow)
      sessions.push(session)
      return session
    }
    const clients = Array.from({ length: 30 }, (_, client) => start(client, ''))
    await when(() => nodes.reduce((sum, { hub }) => sum + hub.stats().connections, 0) === 30)
    let away = -1
    for (let n = 0; n < 1500; n++) {
      const text = `${n} `.padEnd(200 + Math.floor(random() * 6000), 'x')
      await at(n).hub.publish(['a', 'b', 'c'][Math.floor(random() * 3)] as string, text)
      if (n % 10 === 9) await sleep(1)
      if (n % 50 !== 49) continue
      // Whoever was cut off the last time comes back, and another one is.
      if (away >= 0) clients[away] = start(away, clients[away]?.judge.lastId ?? '')
      away = n < 1450 ? Math.floor(random() * clients.length) : -1
      clients[away]?.destroy()
      await clients[away]?.over
    }
    // A quiet one has its cursor by the keep-alive.
    await when(
      () => clients.every(({ judge }) => Number(/-(\d+)/.exec(judge.lastId)?.[1]) === store.head),
      () => clients.map(({ judge }) => judge.lastId).join(),
    )
    for (const { judge } of clients) await judge.complete()
    const gaps = sessions.reduce((sum, { judge }) => sum + judge.gaps.length, 0)
    const items = sessions.reduce((sum, { judge }) => sum + judge.items.length, 0)
    for (const { destroy } of sessions) destroy()
    for (const { over } of sessions) await over
    expect(items).toBeGreaterThan(15_000)
    expect(gaps).toBeGreaterThan(0)
    await when(() => nodes.every(({ hub }) => hub.stats().connections === 0))
  })

  test('a reader that stops reading costs the others nothing, and goes on where it was', async () => {
    const store = faultyStore(randomFrom(1))
    const { hub, url } = await node(store, () => 'a')
    let isStopped = false
    const stalled = follow(url, store, 'a', '', () => (isStopped ? 50 : 0))
    const quick = follow(url, store, 'a', '', () => 0)
    await when(() => hub.stats().connections === 2)
    isStopped = true
    // More than the kernel takes for one socket, and more than the ring holds.
    for (let n = 0; n < 400; n++) {
      await hub.publish('a', String(n).padEnd(48 * 1024, '.'))
      if (n % 16 === 0) await sleep(1)
    }
    await when(() => quick.judge.items.length === 400)
    expect(stalled.judge.items.length).toBeLessThan(400)
    isStopped = false
    await when(() => stalled.judge.items.length === 400)
    for (const { judge } of [stalled, quick]) {
      await judge.complete()
      expect(judge.gaps).toEqual([])
    }
    stalled.destroy()
    quick.destroy()
  })

  test('the first frame is the cursor, also for parseEventStream: whoever is cut off before the first item can resume', async () => {
    const store = faultyStore(randomFrom(1))
    const { hub, url } = await node(store, () => ['a', 'b'])
    const ids: string[] = []
    const cut = new AbortController()
    const first = await fetch(url, { signal: cut.signal })
    const reading = (async () => {
      for await (const item of parseEventStream(first, { onId: (id) => void ids.push(id) })) throw new Error(item.data)
    })()
    await when(() => ids.length === 1)
    cut.abort()
    await reading.catch(() => {})
    await hub.publish('b', '1')
    const again = await fetch(url, { headers: { 'last-event-id': ids[0] ?? '' } })
    for await (const item of parseEventStream(again)) {
      expect(item).toMatchObject({ data: '1', event: 'message' })
      break
    }
  })
})
