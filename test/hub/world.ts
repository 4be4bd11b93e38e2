import { createHub, type Hub } from '../../src/hub/hub.js'
import { SseItem } from '../../src/protocol/item.js'
import { pattern, selectorsOf, type Topics } from '../../src/protocol/topic.js'
import { connectTo, type Connection } from './client.js'
import { faultyStore, randomFrom, type Faults, type Store } from './faulty-engine.js'
import { inVirtualTime, type Clock } from './virtual-time.js'

/** What a world is like. */
export interface Setting {
  readonly seed: number
  readonly nodes: number
  readonly faults: Faults
  /** Topics are forgotten beyond so many. */
  readonly maxTopics?: number
  readonly snapshots?: 'none' | 'plain' | 'with ids'
  /** How many bytes a slow reader may be behind, and what happens to one that is further. */
  readonly maxLag?: number
  readonly whenSlow?: 'replay' | 'disconnect'
  /** How long the data of an item is: large ones come in several pages. */
  readonly size?: number
}

export type Op =
  | { readonly do: 'publish'; readonly node: number; readonly topic: number; readonly count: number }
  | { readonly do: 'connect'; readonly client: number; readonly node: number; readonly leaveAfter: number }
  | { readonly do: 'leave'; readonly client: number }
  | { readonly do: 'change'; readonly client: number; readonly topics: number }
  | { readonly do: 'wait'; readonly time: number }
  | { readonly do: 'restart'; readonly node: number }
  | { readonly do: 'reset' }

const TOPICS = ['a', 'b', 'c', 't/1', 't/2', 't/3', 't/4', 't/5', 'gone/1', 'gone/2']

const SETS: readonly Topics[] = [
  'a',
  'b',
  ['a', 'b'],
  ['a', 'c'],
  pattern('**'),
  ['a', pattern('t/*')],
  't/1',
  pattern('t/*'),
  ['a', 'b', 'c', 'gone/1'],
  [pattern('*'), 'c', 't/2'],
]

const HISTORY = {
  a: { history: { size: 3 } },
  b: { history: { size: 1000 } },
  c: { history: { size: 8 } },
  't/*': { history: { size: 2, age: 60 } },
  // Told of, and never kept.
  'gone/*': { history: { size: 0 } },
}

interface Client {
  topics: Topics
  lastId: string
  /** The set of topics by which it was earned. */
  earned: string
  connection: Connection | undefined
  readonly isLoop: boolean
  readonly isSocket: boolean
  readonly filter: ((data: string) => boolean) | undefined
  readonly slow: number
  readonly fromEarliest: boolean
}

/** Plays a script and judges every connection; at the end everybody comes back and must have everything. */
export function play(setting: Setting, ops: readonly Op[]): Promise<{ readonly gaps: number; readonly items: number }> {
  const random = randomFrom(setting.seed)
  return inVirtualTime((clock) => new World(setting, random, clock).play(ops), { tick: () => random() * 0.4, within: 600_000 })
}

class World {
  readonly #store: Store
  readonly #hubs: Hub[] = []
  readonly #clients: Client[]
  readonly #watched: Promise<void>[] = []
  #failure: Error | undefined
  #count = 0
  #gaps = 0
  #items = 0

  constructor(
    readonly setting: Setting,
    readonly random: () => number,
    readonly clock: Clock,
  ) {
    const { nodes, maxTopics = 1000 } = setting
    this.#store = faultyStore(random, { maxTopics })
    for (let node = 0; node < nodes; node++) this.#hubs.push(this.#createNode())
    this.#clients = SETS.map((topics, index) => ({
      topics,
      lastId: '',
      earned: '',
      connection: undefined,
      isLoop: index % 5 === 3,
      isSocket: index % 5 < 2,
      filter: index % 4 === 2 ? (data: string) => Number(data) % 3 !== 0 : undefined,
      slow: index % 3 === 1 ? 30 : 0,
      fromEarliest: index === 6 || index === 1 || index === 5,
    }))
  }

  #createNode(): Hub {
    const { faults, snapshots = 'none' } = this.setting
    const snapshot = snapshots === 'none' ? undefined : (topic: string) => this.#stateOf(topic)
    const topics = Object.fromEntries(
      Object.entries(HISTORY).map(([name, row]) => [name, this.#hasSnapshot(name) ? { ...row, snapshot } : row]),
    )
    const { maxLag, whenSlow } = this.setting
    return createHub({ engine: this.#store.node(faults), topics, maxLag, whenSlow, onError: () => {} })
  }

  #hasSnapshot(topic: string): boolean {
    return this.setting.snapshots !== 'none' && this.setting.snapshots !== undefined && topic !== 'b'
  }

  async #stateOf(topic: string): Promise<SseItem> {
    await this.clock.sleep(this.random() * 15)
    const { epochs, epoch } = this.#store
    const seq = epochs.at(-1)?.items.findLast((item) => item.topic === topic)?.seq ?? 0
    const state = { topic, epoch: epochs.length - 1, seq }
    await this.clock.sleep(this.random() * 15)
    return new SseItem(JSON.stringify(state), {
      event: 'snapshot',
      ...(this.setting.snapshots === 'with ids' && { id: `${epoch}-${seq}` }),
    })
  }

  async play(ops: readonly Op[]): Promise<{ gaps: number; items: number }> {
    await Promise.all(this.#hubs.map(({ ready }) => ready))
    for (const op of ops) await this.#do(op)
    await this.clock.sleep(4_000)
    // Whoever is away comes back, to any node.
    for (let tries = 0; tries < 20 && !this.#clients.every(({ connection }) => connection?.isOpen); tries++) {
      this.#clients.forEach((client, index) => {
        if (!client.connection?.isOpen) this.#connect(client, (index + tries) % this.#hubs.length, Infinity)
      })
      // A store that fails again and again is asked less and less often.
      await this.clock.sleep(this.setting.faults.fail ? 15_000 : 4_000)
    }
    for (const { connection } of this.#clients) await connection?.judge.complete()
    for (const client of this.#clients) this.#leave(client)
    await Promise.all(this.#watched)
    if (this.#failure) throw this.#failure
    for (const hub of this.#hubs) {
      const { connections } = hub.stats()
      if (connections > 0) throw new Error(`${connections} readers were not let go`)
      await hub.close()
    }
    return { gaps: this.#gaps, items: this.#items }
  }

  async #do(op: Op): Promise<void> {
    if (this.#failure) throw this.#failure
    const node = 'node' in op ? op.node % this.#hubs.length : 0
    const hub = this.#hubs[node] as Hub
    const client = this.#clients['client' in op ? op.client % this.#clients.length : 0] as Client
    switch (op.do) {
      case 'publish':
        // Nobody waits for them.
        for (let n = 0; n < op.count; n++) {
          hub.publish(TOPICS[op.topic % TOPICS.length] as string, String(++this.#count).padEnd(this.setting.size ?? 0)).catch(() => {})
        }
        return
      case 'connect':
        this.#leave(client)
        return this.#connect(client, node, op.leaveAfter)
      case 'leave':
        return this.#leave(client)
      case 'change':
        this.#leave(client)
        client.topics = SETS[op.topics % SETS.length] as Topics
        return
      case 'wait':
        return this.clock.sleep(op.time)
      case 'restart':
        await hub.close()
        this.#hubs[node] = this.#createNode()
        return this.#hubs[node].ready
      case 'reset':
        return this.#store.reset()
    }
  }

  #connect(client: Client, node: number, leaveAfter: number): void {
    const hub = this.#hubs[node] as Hub
    const { isLoop, isSocket, filter, topics, slow } = client
    const set = keyOf(topics)
    // A loop that begins anew doesn't say where: it takes the position before.
    const given = isLoop && client.lastId === '' ? hub.lastEventId : client.lastId
    const connection = connectTo(hub, {
      store: this.#store,
      topics,
      given,
      isLoop,
      isSocket,
      filter,
      leaveAfter,
      slow: () => this.random() * slow,
      fromEarliest: client.fromEarliest,
      isOtherSet: client.earned !== set,
      forgets: this.setting.maxTopics !== undefined,
      hasSnapshot: (topic) => this.#hasSnapshot(topic.startsWith('t/') ? 't/*' : topic.startsWith('gone/') ? 'gone/*' : topic),
      snapshotsHaveIds: this.setting.snapshots === 'with ids',
      isBehind: this.setting.faults.stale !== undefined,
      mayDrop: this.setting.maxLag !== undefined,
      keepAlive: 500,
    })
    client.connection = connection
    this.#watched.push(
      connection.over.then(
        () => this.#note(client, connection, set),
        (error: unknown) => {
          this.#failure ??= error as Error
        },
      ),
    )
  }

  #leave(client: Client): void {
    const { connection, topics } = client
    if (!connection) return
    connection.leave()
    this.#note(client, connection, keyOf(topics))
    client.connection = undefined
  }

  /** What a client keeps of a connection. */
  #note(client: Client, connection: Connection, set: string): void {
    if (client.connection !== connection) return
    const { lastId, gaps, items } = connection.judge
    if (lastId !== client.lastId) client.earned = set
    client.lastId = lastId
    this.#gaps += gaps.length
    this.#items += items.length
  }
}

function keyOf(topics: Topics): string {
  return selectorsOf(topics).map(String).join('\n')
}
