import { array, assert, constant, constantFrom, nat, oneof, property, record } from 'fast-check'
import { expect, test } from 'vitest'
import { createTopicLog } from './topic-log.js'

const operation = oneof(
  { weight: 4, arbitrary: record({ add: constantFrom('a', 'b', 'c', 'd') }) },
  { weight: 2, arbitrary: record({ drop: constantFrom('a', 'b', 'c', 'd', undefined) }) },
  record({ clear: constant(true) }),
)

test('agrees with a plain array, whatever is added and dropped', () => {
  assert(
    property(array(operation, { maxLength: 400, size: 'max' }), nat(400), (operations, after) => {
      const log = createTopicLog<{ seq: number; topic: string }>()
      let model: { seq: number; topic: string }[] = []
      let seq = 0
      const dropped: unknown[][] = []
      for (const step of operations) {
        if ('add' in step) {
          // As a log with holes in its numbers.
          const entry = { seq: (seq += 1 + (seq % 3)), topic: step.add }
          log.add(entry)
          model.push(entry)
        } else if ('drop' in step) {
          const oldest = model.find(({ topic }) => step.drop === undefined || topic === step.drop)
          dropped.push([log.oldest(step.drop), oldest], [log.drop(step.drop), oldest])
          model = model.filter((entry) => entry !== oldest)
        } else if (operations.length % 5 === 0) {
          log.clear()
          model = []
        }
      }
      for (const [is, should] of dropped) expect(is).toBe(should)
      expect(log.size).toBe(model.length)
      expect([...log.all(after)]).toEqual(model.filter((entry) => entry.seq > after))
      for (const topics of [['a'], ['b', 'd'], ['a', 'b', 'c', 'd', 'none']]) {
        expect([...log.ofTopics(topics, after)]).toEqual(model.filter((entry) => entry.seq > after && topics.includes(entry.topic)))
      }
      expect(log.topics).toBe(new Set(model.map(({ topic }) => topic)).size)
    }),
  )
})
