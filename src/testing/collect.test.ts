import { describe, expect, test } from 'vitest'
import { SseItem, sse } from '../index.js'
import { sendSse } from '../node.js'
import { collect } from './index.js'
import { never, serve, sleep, when } from '../../test/helpers/servers.js'
import { watchTimers } from '../../test/helpers/timers.js'

/** Counts up for ever; tells when it was left. */
function counter(wait = 0): { source: () => AsyncGenerator<number>; left: () => boolean } {
  let isLeft = false
  return {
    async *source() {
      try {
        for (let count = 1; ; count++) {
          yield count
          await sleep(wait)
        }
      } finally {
        isLeft = true
      }
    },
    left: () => isLeft,
  }
}

describe('collect()', () => {
  test('reads the first items of an endpoint, and leaves it as a client does', async () => {
    const { source, left } = counter(1)
    const { url } = await serve((req, res) => void sendSse(req, res, source(), { event: 'tick' }))
    const items = await collect(fetch(url), 3)
    expect(items).toMatchObject([1, 2, 3].map((count) => ({ data: String(count), event: 'tick', lastEventId: '' })))
    await when(left)
  })

  test('reads the first items of a Response', async () => {
    const { source, left } = counter()
    expect(await collect(sse(source()), 2)).toMatchObject([{ data: '1' }, { data: '2' }])
    await when(left)
  })

  test('gives items that are SseItems, with id and retry', async () => {
    const [item] = await collect(sse([new SseItem('a', { id: 5, retry: 7 })]), 1)
    expect(item).toBeInstanceOf(SseItem)
    expect(item).toMatchObject({ data: 'a', id: '5', retry: 7, lastEventId: '5' })
  })

  test('reads the first items of any async iterable as they are', async () => {
    const { source, left } = counter()
    expect(await collect(source(), 3)).toEqual([1, 2, 3])
    await when(left)
  })

  test('reads all there are, should that be the count', async () => {
    expect(await collect(sse(['a', 'b']), 2)).toMatchObject([{ data: 'a' }, { data: 'b' }])
  })

  test('of no items opens the stream and leaves it', async () => {
    let isCancelled = false
    const body = new ReadableStream({ cancel: () => void (isCancelled = true) })
    expect(await collect(new Response(body, { headers: { 'content-type': 'text/event-stream' } }), 0)).toEqual([])
    await when(() => isCancelled)
  })

  test('leaves no timer behind', async () => {
    const timers = watchTimers()
    await collect(sse(['a']), 1)
    await collect(sse(['a']), 2).catch(() => {})
    await when(() => timers().length === 0)
    expect(timers()).toEqual([])
  })

  test.each<[string, () => AsyncIterable<unknown> | Response, string]>([
    ['a Response', () => sse(['a']), '1 of 2 items'],
    ['an async iterable', () => sse(['a']).body!.pipeThrough(new TextDecoderStream()), '2 of'],
  ])('that ends before is SSE_CLOSED, with what had come: %s', async (_, stream, words) => {
    const count = words.startsWith('1') ? 2 : 5
    await expect(collect(stream() as Response, count)).rejects.toMatchObject({
      name: 'SseError',
      code: 'SSE_CLOSED',
      message: expect.stringContaining(words),
    })
  })

  test.each<[string, () => AsyncIterable<unknown> | Response | Promise<Response>]>([
    ['a stream that is silent', () => sse(never())],
    ['an answer that does not come', () => new Promise(() => {})],
    ['an async iterable that is silent', () => never()],
  ])('that takes too long is SSE_IDLE: %s', async (_, stream) => {
    await expect(collect(stream() as Response, 1, { within: 50 })).rejects.toMatchObject({
      code: 'SSE_IDLE',
      message: expect.stringMatching(/50 ms.*0 of 1 items/),
    })
  })

  test('counts the time for all items together', async () => {
    await expect(collect(counter(20).source(), 100, { within: 60 })).rejects.toMatchObject({ code: 'SSE_IDLE' })
  })

  test.each<[string, unknown]>([
    ['bigint', 5n],
    ['itself', Object.assign([], { 0: 'a' })],
    ['a function', () => {}],
  ])('tells what had come even if it has no JSON: %s', async (_, item) => {
    const items = [item, circular()]
    async function* few(): AsyncGenerator {
      yield* items
    }
    async function* fewThenSilence(): AsyncGenerator {
      yield* items
      await new Promise(() => {})
    }
    await expect(collect(few(), 3)).rejects.toMatchObject({ code: 'SSE_CLOSED', message: expect.stringContaining('2 of 3') })
    await expect(collect(fewThenSilence(), 3, { within: 20 })).rejects.toMatchObject({
      code: 'SSE_IDLE',
      message: expect.stringContaining('2 of 3'),
    })
  })

  function circular(): object {
    const object: { self?: object } = {}
    object.self = object
    return object
  }

  test.each([
    ['404', () => new Response('no such clock', { status: 404 })],
    ['another type', () => new Response('no such clock')],
  ])('of an answer that is no event stream is SSE_BAD_RESPONSE: %s', async (_, response) => {
    await expect(collect(response(), 1)).rejects.toMatchObject({ code: 'SSE_BAD_RESPONSE', response: { body: 'no such clock' } })
  })

  test('fails as fetch fails, and as the stream fails', async () => {
    await expect(collect(Promise.reject(new TypeError('fetch failed')), 1)).rejects.toThrow('fetch failed')
    await expect(collect(boom(), 1)).rejects.toThrow('boom')
  })

  async function* boom(): AsyncGenerator {
    yield await Promise.reject(new Error('boom'))
  }

  test('leaves a stream that comes too late', async () => {
    const { source, left } = counter(1)
    const { url } = await serve((req, res) => void sleep(60).then(() => sendSse(req, res, source())))
    await expect(collect(fetch(url), 1, { within: 20 })).rejects.toMatchObject({ code: 'SSE_IDLE' })
    await when(left)
  })

  test('leaves an iterator whose return() throws or gives no promise', async () => {
    for (const back of [() => ({ done: true }), () => Promise.reject(new Error('boom'))]) {
      const iterable = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: 'a' }), return: back }) }
      expect(await collect(iterable as unknown as AsyncIterable<string>, 1)).toEqual(['a'])
    }
  })

  test.each([-1, 1.5, Number.NaN, '2', undefined])('refuses %s for a count', async (count) => {
    await expect(collect(sse(['a']), count as number)).rejects.toThrow(/`count` must be a whole number/)
  })
})
