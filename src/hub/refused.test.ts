import { expect, test } from 'vitest'
import type { Engine } from '../engines/engine.js'
import { memoryEngine } from '../engines/memory.js'
import { collect } from '../testing/collect.js'
import { createHub } from './hub.js'

// Published beside it, it would be there although the transaction was rolled back.
test.each<[string, object]>([
  ['a topic', {}],
  ['a conflated topic', { conflate: { key: () => '' } }],
])('a transaction is refused by a hub whose engine has none, and nothing is stored: %s', async (_, settings) => {
  const hub = createHub({ topics: { a: settings } })
  await expect(hub.publish('a', 'lost', { transaction: {} })).rejects.toThrow(
    new TypeError("`transaction`: this hub's engine can't write within a transaction of the caller's; leave it out"),
  )
  await hub.publish('a', 'kept')
  expect(await collect(hub.subscribe('a', { from: 'earliest' }), 1)).toMatchObject([{ data: 'kept' }])
  await hub.close()
})

test('an engine that has them is given the transaction', async () => {
  const given: unknown[] = []
  const engine: Engine = {
    ...memoryEngine(),
    supports: { durable: false, shared: false, transactions: true },
    append: async (_topic, _fields, { transaction }) => {
      given.push(transaction)
      return null
    },
  }
  const hub = createHub({ engine })
  expect(await hub.publish('a', 'x', { transaction: 'mine' })).toEqual({ id: null })
  expect(given).toEqual(['mine'])
  await hub.close()
})

test('a limit that there is none of is refused by its name: without a word nothing would be limited', () => {
  expect(() => createHub({ limits: { conections: 5 } as never })).toThrow(
    new TypeError(
      '`limits` has `topicsPerConnection`, `itemBytes`, `connections`, `connectionsPerPrincipal`, `connectionsPerAddress`, `publishesPerSecond`, no `conections`',
    ),
  )
})
