import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTopicLog } from './topic-log.js'

const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ add: fc.constantFrom('a', 'b', 'c', 'd') }) },
  { weight: 2, arbitrary: fc.record({ drop: fc.constantFrom('a', 'b', 'c', 'd', undefined) }) },
  fc.record({ clear: fc.constant(true) }),
)

test('agrees with a plain array, whatever is added and dropped', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 400, size: 'max' }), fc.nat(400), (operations, after) => {
      const log = createTopicLog<{ seq: number; topic: string }>()
      let model: { seq: number; topic: string }[] = []
      let seq = 0
      for (const step of operations) {
        if ('add' in step) {
          // As a log with holes in its numbers.
          const entry = { seq: (seq += 1 + (seq % 3)), topic: step.add }
          log.add(entry)
          model.push(entry)
        } else if ('drop' in step) {
          const oldest = model.find(({ topic }) => step.drop === undefined || topic === step.drop)
          expect(log.oldest(step.drop)).toBe(oldest)
          expect(log.drop(step.drop)).toBe(oldest)
          model = model.filter((entry) => entry !== oldest)
        } else if (operations.length % 5 === 0) {
          log.clear()
          model = []
        }
      }
      expect(log.size).toBe(model.length)
      expect([...log.all(after)]).toEqual(model.filter((entry) => entry.seq > after))
      for (const topics of [['a'], ['b', 'd'], ['a', 'b', 'c', 'd', 'none']]) {
        expect([...log.ofTopics(topics, after)]).toEqual(model.filter((entry) => entry.seq > after && topics.includes(entry.topic)))
      }
      expect([...log.topics()].sort()).toEqual([...new Set(model.map(({ topic }) => topic))].sort())
    }),
  )
})
