import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Engine } from '../engines/engine.js'
import { memoryEngine } from '../engines/memory.js'
import { SseError } from '../errors.js'
import { createHub } from './hub.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const never = (): Promise<never> => new Promise(() => {})
const codeOf = (publish: Promise<unknown>): Promise<unknown> =>
  publish.then(
    () => 'stored',
    (error: unknown) => (error as SseError).code,
  )

/** An engine that opens when it is told to. */
function late(change: Partial<Engine> = {}): { engine: Engine; open: (error?: Error) => void; appended: string[] } {
  const { opened: _, ...inner } = memoryEngine()
  const appended: string[] = []
  let open: (error?: Error) => void = () => {}
  const opening = new Promise<void>((resolve, reject) => (open = (error) => (error ? reject(error) : resolve())))
  const engine: Engine = {
    ...inner,
    open: () => opening.then(inner.open),
    append(topic, fields, options) {
      appended.push(fields.data)
      return inner.append(topic, fields, options)
    },
    ...change,
  }
  return { engine, open, appended }
}

describe('a publish that the store does not answer in time', () => {
  const conflated = { topics: { '**': { conflate: { key: () => 'k', interval: 10 } } } }

  test.each([
    ['', {}],
    [' of a conflated topic', conflated],
  ])('may be stored%s', async (_, options) => {
    const hub = createHub({ engine: { ...memoryEngine(), append: never }, publishTimeout: 500, ...options })
    const codes = Promise.all([codeOf(hub.publish('a', '1')), codeOf(hub.publish('a', '2'))])
    await vi.advanceTimersByTimeAsync(520)
    expect(await codes).toEqual(['SSE_MAYBE_STORED', 'SSE_MAYBE_STORED'])
    await hub.close()
  })

  test.each([
    ['', {}],
    [' of a conflated topic', conflated],
  ])('is not stored while the store was never open, and not handed over later%s', async (_, options) => {
    const { engine, open, appended } = late()
    const hub = createHub({ engine, publishTimeout: 500, ...options })
    const early = codeOf(hub.publish('a', 'early'))
    await vi.advanceTimersByTimeAsync(400)
    const inTime = codeOf(hub.publish('a', 'in time'))
    await vi.advanceTimersByTimeAsync(120)
    expect(await early).toBe('SSE_ENGINE')
    open()
    expect(await inTime).toBe('stored')
    expect(appended).toEqual(['in time'])
    await hub.close()
  })

  test('may be stored when the store has opened meanwhile, and was handed it', async () => {
    const { engine, open } = late({ append: never })
    const hub = createHub({ engine, publishTimeout: 500 })
    const code = codeOf(hub.publish('a', 'early'))
    await vi.advanceTimersByTimeAsync(400)
    open()
    await vi.advanceTimersByTimeAsync(120)
    expect(await code).toBe('SSE_MAYBE_STORED')
    await hub.close()
  })
})

test('what waits for the store is stored in the order of the calls', async () => {
  const { engine, open, appended } = late()
  const hub = createHub({ engine })
  const published = [1, 2, 3].map((n) => hub.publish('a', String(n)))
  await vi.advanceTimersByTimeAsync(10)
  open()
  await Promise.all(published)
  expect(appended).toEqual(['1', '2', '3'])
  await hub.close()
})

test('a store that can not be opened refuses what waits for it, and what comes after', async () => {
  const { engine, open } = late()
  const hub = createHub({ engine, onError: () => {} })
  const early = codeOf(hub.publish('a', '1'))
  open(new SseError('SSE_ENGINE', 'The store is of a newer format'))
  expect(await early).toBe('SSE_ENGINE')
  expect(await codeOf(hub.publish('a', '2'))).toBe('SSE_ENGINE')
  await hub.close()
})
