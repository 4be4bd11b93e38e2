import { expect, test } from 'vitest'
import type { Gap } from '../../src/protocol/events.js'
import { settleAccount, type Acknowledged, type Received, type Terms } from './account.js'

const item = (seq: number, topic = 'a', epoch = 'e'): Acknowledged => ({ topic, data: `${topic} ${epoch} ${seq}`, id: `${epoch}-${seq}` })
const came = ({ id, data }: Acknowledged): Received => ({ id, data })
const gap = (from: string, to: string, reason: Gap['reason'] = 'expired', topics = ['a']): Received => ({
  gap: { topics, reason, from, to },
})

const four = [item(1), item(2), item(3), item(4)]
const settle = (received: readonly Received[], terms: Partial<Terms> = {}, acknowledged: readonly Acknowledged[] = four) =>
  settleAccount({ acknowledged, refused: ['not stored'] }, [{ name: 'R', topics: ['a'], received }], { gaps: 0, ...terms })

test.each<[string, Received[], Partial<Terms>?, Acknowledged[]?]>([
  ['everything, in order', four.map(came)],
  ['what a gap names is missing', [came(four[0]!), gap('e-1', 'e-3'), came(four[3]!)], { gaps: 1, reason: 'expired' }],
  [
    'a new epoch',
    [came(four[0]!), gap('e-1', 'f-1', 'epoch'), came(item(2, 'a', 'f'))],
    { gaps: 1 },
    [...four, item(1, 'a', 'f'), item(2, 'a', 'f')],
  ],
  [
    'an epoch that the reader has slept through',
    [came(four[0]!), gap('e-1', 'g-0', 'epoch'), came(item(1, 'a', 'g'))],
    { gaps: 1 },
    [...four, item(1, 'a', 'f'), item(1, 'a', 'g')],
  ],
  ['other topics', [came(four[0]!)], {}, [four[0]!, item(2, 'b')]],
  ['ids with a scope', four.map(({ id, data }) => ({ id: `${id}~x1`, data }))],
  ['what the broker has lost', [came(four[0]!), came(four[3]!)], { isLost: ({ id }) => id === 'e-2' || id === 'e-3' }],
])('is settled: %s', (_, received, terms, acknowledged) => {
  expect(settle(received, terms, acknowledged).delivered).toBeGreaterThan(0)
})

test.each<[string, string, Received[], Partial<Terms>?, Acknowledged[]?]>([
  ['an item is missing', 'neither got nor was told of a e 3 (e-3)', [0, 1, 3].map((at) => came(four[at]!))],
  ['the last is missing', 'neither got', four.slice(0, 3).map(came)],
  ['the gap names less', 'a e 3 (e-3)', [came(four[0]!), gap('e-1', 'e-2'), came(four[3]!)], { gaps: 1 }],
  ['the gap is of another topic', 'a e 2', [came(four[0]!), gap('e-1', 'e-3', 'expired', ['b']), came(four[3]!)], { gaps: 1 }],
  ['the gap is of another epoch', 'a e 2', [came(four[0]!), gap('f-1', 'f-3'), came(four[3]!)], { gaps: 1 }],
  [
    'the gap ends before the epoch',
    'a f 1',
    [came(four[0]!), gap('e-1', 'e-4'), came(item(2, 'a', 'f'))],
    { gaps: 1 },
    [...four, item(1, 'a', 'f'), item(2, 'a', 'f')],
  ],
  [
    'it gets what it is told to miss',
    'was told to miss, and has got, a e 2',
    [came(four[0]!), gap('e-1', 'e-2'), ...four.slice(1).map(came)],
    { gaps: 1 },
  ],
  ['an item comes twice', 'e-2 came after e-2', [0, 1, 1, 2, 3].map((at) => came(four[at]!))],
  ['ids step back', 'e-2 came after e-3', [0, 2, 1, 3].map((at) => came(four[at]!))],
  ['data comes twice', 'a e 1 came twice', [came(four[0]!), { ...came(four[0]!), id: 'e-2' }]],
  ['other data has the id', 'x came as e-1, which is a e 1', [{ id: 'e-1', data: 'x' }]],
  ['nobody knows of it', 'no acknowledged item', [...four.map(came), { id: 'e-5', data: 'x' }]],
  ['it was refused', 'refused as not stored', [...four.map(came), { id: 'e-5', data: 'not stored' }]],
  ['it is of another topic', "isn't followed", [came(item(1, 'b'))], {}, [item(1, 'b')]],
  ['a gap too many', 'was told of 1 gaps, not 0', [gap('e-4', 'e-9'), ...four.map(came)]],
  ['a gap too few', 'was told of 0 gaps, not 1', four.map(came), { gaps: 1 }],
  [
    'a gap for another reason',
    'reason expired, not epoch',
    [came(four[0]!), gap('e-1', 'e-3'), came(four[3]!)],
    { gaps: 1, reason: 'epoch' },
  ],
  ['an id is given twice', 'The id e-1 was given to a e 1 and to b e 1', [], {}, [item(1), item(1, 'b')]],
])('is not settled: %s', (_, message, received, terms, acknowledged) => {
  expect(() => settle(received, terms, acknowledged)).toThrow(message)
})

test('is not settled: two readers have got other content under one id, also where nobody has acknowledged it', () => {
  const readings = ['x', 'y'].map((data) => ({ name: data, topics: ['a'], received: [{ id: 'e-1', data }] }))
  expect(() => settleAccount({ acknowledged: [], refused: [] }, readings, { gaps: 0, isLossy: true })).toThrow(
    'e-1 came as x to x, as y to y',
  )
})
