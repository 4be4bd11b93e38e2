import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listen, openEngine } from '../../../test/engines/redis-engines.js'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../../../test/helpers/redis.js'
import { pattern } from '../../protocol/topic.js'
import { nextTask } from '../../util/wait.js'
import type { Connection, Kind } from './connection.js'
import { createSubscriptions } from './subscriptions.js'

/** Notes what a connection is asked to listen to. */
function noting(): { readonly connection: Connection; readonly active: Set<string>; readonly asked: string[] } {
  const active = new Set<string>()
  const asked: string[] = []
  const connection: Connection = {
    send: () => Promise.reject(new Error('Nothing else is asked here')),
    subscribe(kind: Kind, names) {
      asked.push(`+${kind} ${names.join(' ')}`)
      for (const name of names) active.add(`${kind} ${name}`)
      return Promise.resolve()
    },
    unsubscribe(kind, names) {
      asked.push(`-${kind} ${names.join(' ')}`)
      for (const name of names) active.delete(`${kind} ${name}`)
      return Promise.resolve()
    },
    destroy() {},
  }
  return { connection, active, asked }
}

describe('the channels that a node listens to', () => {
  test('are all until it is said what is followed, and then those of the followed topics, each once', async () => {
    const { connection, active } = noting()
    const subscriptions = createSubscriptions('{h}:', () => {})
    await subscriptions.begin(connection)
    expect([...active]).toEqual(['channel {h}:h', 'pattern {h}:c:*'])
    const stops = [['a'], ['a', 'b'], [pattern('c/*')], [pattern('c/**')]].map((selectors) => subscriptions.follow(selectors))
    await nextTask()
    expect([...active].sort()).toEqual(['channel {h}:c:a', 'channel {h}:c:b', 'channel {h}:h', 'pattern {h}:c:c/*'])
    stops[1]?.()
    stops[1]?.()
    stops[2]?.()
    await nextTask()
    expect([...active].sort()).toEqual(['channel {h}:c:a', 'channel {h}:h', 'pattern {h}:c:c/*'])
    for (const stop of stops) stop()
    await nextTask()
    expect([...active]).toEqual(['channel {h}:h'])
  })

  test('stay as they are when somebody comes and goes within one turn', async () => {
    const { connection, asked } = noting()
    const subscriptions = createSubscriptions('{h}:', () => {})
    subscriptions.follow([])
    await subscriptions.begin(connection)
    const before = asked.length
    subscriptions.follow(['a'])()
    await nextTask()
    expect(asked.slice(before)).toEqual([])
  })

  test('are all asked for on a new connection, also what was followed without one', async () => {
    const [first, second] = [noting(), noting()]
    const subscriptions = createSubscriptions('{h}:', () => {})
    subscriptions.follow(['a'])
    await subscriptions.begin(first.connection)
    subscriptions.end()
    const stop = subscriptions.follow(['b'])
    subscriptions.follow(['c'])
    stop()
    await nextTask()
    await subscriptions.begin(second.connection)
    expect([...first.active].sort()).toEqual(['channel {h}:c:a', 'channel {h}:h'])
    expect([...second.active].sort()).toEqual(['channel {h}:c:a', 'channel {h}:c:c', 'channel {h}:h'])
  })

  // The next one may be on its way: it must not be given up for what is said of the last one.
  test('are not asked for on a connection on which that has failed', async () => {
    const errors: unknown[] = []
    const subscriptions = createSubscriptions('{h}:', (error) => errors.push(error))
    const { connection } = noting()
    const lost: Connection = { ...connection, subscribe: () => Promise.reject(new Error('lost')) }
    await expect(subscriptions.begin(lost)).rejects.toThrow('lost')
    subscriptions.follow(['a'])
    await nextTask()
    await nextTask()
    expect(errors).toEqual([])
  })
})

describeWithRedis('a node that follows very many topics', () => {
  let server: RedisServer
  beforeAll(async () => void (server = await startRedis()))
  afterAll(removeRedis)

  // When each of them costs something for all that there are, this takes minutes.
  test('follows one more as quickly as the first', async () => {
    const store = await openEngine(server.port)
    const heard = listen(store)
    store.engine.follow?.(Array.from({ length: 100_000 }, (_, at) => `user/${at}`))
    await nextTask()
    const begun = performance.now()
    for (let at = 0; at < 2000; at++) {
      store.engine.follow?.([`late/${at}`])
      await nextTask()
    }
    expect(performance.now() - begun).toBeLessThan(30_000)
    const put = async (): Promise<unknown> => {
      await store.put('late/1999', 'x')
      return heard.items[0]
    }
    await expect.poll(put, { timeout: 30_000 }).toMatchObject({ topic: 'late/1999' })
  }, 120_000)
})
