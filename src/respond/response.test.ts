import { describe, expect, test } from 'vitest'
import { sse } from '../index.js'
import { sleep, when } from '../../test/helpers/servers.js'

/** A source that counts what is done to it. */
function counted(): { source: AsyncIterable<string>; done: string[] } {
  const done: string[] = []
  let count = 0
  const iterator = {
    next: async () => (done.push(`pull ${++count}`), { done: false as const, value: `item ${count}` }),
    return: async () => (done.push('return'), { done: true as const, value: undefined }),
  }
  return { source: { [Symbol.asyncIterator]: () => iterator }, done }
}

function readerOf(response: Response): ReadableStreamDefaultReader<string> {
  return response.body!.pipeThrough(new TextDecoderStream(), {}).getReader()
}

describe('the body', () => {
  test('pulls an item only for a reader that waits', async () => {
    const { source, done } = counted()
    const reader = sse(source).body!.getReader()
    await sleep(5)
    expect(done).toEqual([])
    await reader.read()
    await sleep(5)
    expect(done).toEqual([])
    await reader.read()
    await sleep(5)
    expect(done).toEqual(['pull 1'])
    await reader.read()
    expect(done).toEqual(['pull 1', 'pull 2'])
    await reader.cancel()
    expect(done).toEqual(['pull 1', 'pull 2', 'return'])
  })

  test('answers several reads that wait at once, in order', async () => {
    const reader = sse(counted().source).body!.getReader()
    const parts = await Promise.all([reader.read(), reader.read(), reader.read()])
    expect(parts.map(({ value }) => new TextDecoder().decode(value))).toEqual([':\n\n', 'data: item 1\n\n', 'data: item 2\n\n'])
    await reader.cancel()
  })

  test('that is cancelled gives the source the reason, and returns it, before any read too', async () => {
    for (const reads of [0, 1, 2]) {
      const { source, done } = counted()
      let signal: AbortSignal | undefined
      const response = await sse(
        (context) => {
          signal = context.signal
          return source
        },
        { request: new Request('http://a') },
      )
      const reader = response.body!.getReader()
      for (let read = 0; read < reads; read++) await reader.read()
      await reader.cancel('enough')
      expect([signal?.reason, done.at(-1)]).toEqual(['enough', 'return'])
    }
  })

  test('can be cloned, and each copy read', async () => {
    const response = sse(['a'])
    const copy = response.clone()
    expect([await response.text(), await copy.text()]).toEqual([':\n\ndata: a\n\n', ':\n\ndata: a\n\n'])
  })
})

describe('a request that is aborted', () => {
  test('ends the body and lets the source go', async () => {
    const left = new AbortController()
    const { source, done } = counted()
    const reader = readerOf(sse(source, { request: new Request('http://a', { signal: left.signal }) }))
    await reader.read()
    await reader.read()
    left.abort()
    await when(() => done.includes('return'))
    let last = await reader.read()
    while (!last.done) last = await reader.read()
    expect(done.at(-1)).toBe('return')
  })

  test('before it is answered starts no source', async () => {
    const { source, done } = counted()
    const response = sse(source, { request: new Request('http://a', { signal: AbortSignal.abort() }) })
    expect(done).toEqual(['return'])
    expect((await response.text()).replace(':\n\n', '')).toBe('')
  })
})

test('is an answer like any other: its headers can be changed by middleware', () => {
  const response = sse(['a'])
  response.headers.set('x-own', 'a')
  expect(response.headers.get('x-own')).toBe('a')
})

test('a function is answered with a promise, items at once', () => {
  const request = new Request('http://a')
  expect(sse(['a'], { request })).toBeInstanceOf(Response)
  expect(sse(() => ['a'], { request })).toBeInstanceOf(Promise)
  expect(sse(() => ['a'], { request: new Request('http://a', { method: 'HEAD' }) })).toBeInstanceOf(Promise)
})
