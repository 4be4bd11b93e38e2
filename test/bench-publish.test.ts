import { expect, test } from 'vitest'
import { createItems, publishAll, quantile } from '../bench/publish/lanes.mjs'

// What bench/publish.mjs publishes and how; that its readers know every fault, bench-readers.test.ts shows.

test('each topic gets as many items, numbered without a hole, in the hub and in the topic', () => {
  const items = createItems(100)
  const all = Array.from({ length: 1000 }, () => items.next({ size: 60, stamp: 5, asOne: false }))
  const numbers = new Map<string, number>()
  for (const [index, { topic, data }] of all.entries()) {
    const number = (numbers.get(topic) ?? 0) + 1
    numbers.set(topic, number)
    expect(data).toHaveLength(60)
    expect(data).toMatch(new RegExp(`^${index + 1} ${topic.slice(1)} ${number} 5 60 \\.+;$`))
  }
  expect([...numbers.values()]).toEqual(Array.from({ length: 100 }, () => 10))
})

test('to who follows a pattern the hub is one topic', () => {
  const items = createItems(3)
  const all = Array.from({ length: 4 }, () => items.next({ size: 30, stamp: 5, asOne: true }))
  expect(new Set(all.map(({ topic }) => topic)).size).toBe(3)
  expect(all.map(({ data }) => data.split(' ').slice(0, 3).join(' '))).toEqual(['1 0 1', '2 0 2', '3 0 3', '4 0 4'])
})

test('all publishers are busy, each with one item, and every item is waited for', async () => {
  let [inFlight, most, calls] = [0, 0, 0]
  const { count, waits } = await publishAll(
    async () => {
      calls++
      most = Math.max(most, ++inFlight)
      await new Promise((resolve) => setTimeout(resolve, 2))
      inFlight--
    },
    { inFlight: 8, count: 100, within: 60_000 },
  )
  expect({ count, calls, most, inFlight }).toEqual({ count: 100, calls: 100, most: 8, inFlight: 0 })
  expect(waits).toHaveLength(100)
  expect(quantile(waits, 0)).toBeGreaterThan(1000)
  expect(quantile(waits, 0.99)).toBeGreaterThanOrEqual(quantile(waits, 0.5))
})

test('a store that answers at once leaves the event loop its turns', async () => {
  let turns = 0
  const timer = setInterval(() => turns++)
  await publishAll(() => Promise.resolve(), { inFlight: 4, count: 40_000, within: 60_000 })
  clearInterval(timer)
  expect(turns).toBeGreaterThan(3)
})

test('it ends in time, after whole steps, so that each topic has as many', async () => {
  const { count, time } = await publishAll(() => new Promise((resolve) => setTimeout(resolve, 1)), {
    inFlight: 4,
    count: 1e6,
    within: 50,
    step: 10,
  })
  expect(count % 10).toBe(0)
  expect(count).toBeGreaterThan(0)
  expect(time).toBeLessThan(60_000)
})
