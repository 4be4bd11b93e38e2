import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { onAbort } from './abort.js'

test('runs once, with the reason of the signal that aborts first', () => {
  const [a, b] = [new AbortController(), new AbortController()]
  const reasons: unknown[] = []
  onAbort([a.signal, undefined, b.signal], (reason) => reasons.push(reason))
  expect(reasons).toEqual([])
  b.abort('b')
  a.abort('a')
  expect(reasons).toEqual(['b'])
})

test('runs at once for a signal that has aborted', () => {
  const reasons: unknown[] = []
  const open = new AbortController()
  onAbort([open.signal, AbortSignal.abort('a'), AbortSignal.abort('b')], (reason) => reasons.push(reason))
  expect(reasons).toEqual(['a'])
  expect(getEventListeners(open.signal, 'abort')).toEqual([])
})

test('leaves no listener behind, whether it ran or was stopped', () => {
  const [a, b] = [new AbortController(), new AbortController()]
  const off = onAbort([a.signal, b.signal], () => expect.unreachable())
  expect([a, b].map(({ signal }) => getEventListeners(signal, 'abort').length)).toEqual([1, 1])
  off()
  off()
  onAbort([a.signal, b.signal], () => {})
  a.abort()
  b.abort()
  expect([a, b].map(({ signal }) => getEventListeners(signal, 'abort').length)).toEqual([0, 0])
})

test('has nothing to do without signals', () => {
  onAbort([undefined], () => expect.unreachable())()
})
