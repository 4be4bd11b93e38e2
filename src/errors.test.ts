import { expect, test } from 'vitest'
import { SseError } from './index.js'

test('an SseError is an Error with a code, a name and a message', () => {
  const error = new SseError('SSE_CLOSED', 'It is over')
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ name: 'SseError', code: 'SSE_CLOSED', message: 'It is over' })
  expect(String(error)).toBe('SseError: It is over')
  expect(error.stack).toContain('errors.test.ts')
})

test('what it has no cause and no response for, it does not have', () => {
  expect('cause' in new SseError('SSE_CLOSED', '')).toBe(false)
  expect('response' in new SseError('SSE_CLOSED', '')).toBe(false)
})

test.each([[new Error('x')], ['text'], [null], [0]])('keeps its cause: %o', (cause) => {
  expect(new SseError('SSE_ENGINE', '', { cause }).cause).toBe(cause)
})
