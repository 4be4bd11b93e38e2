import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { bytes, toStream } from '../../test/protocol/record.js'
import { SseError } from '../errors.js'
import { parseEventStream, type ReceivedItem } from './index.js'

describe('the items come from', () => {
  const text = 'id: 1\ndata: é😀\n\nevent: e\ndata: b\n\ndata: cut off'
  const eachByte = Array.from(bytes(text), (byte) => Uint8Array.of(byte))
  const should = [
    { data: 'é😀', id: '1' },
    { data: 'b', event: 'e', lastEventId: '1' },
  ]

  test.each<[string, () => Parameters<typeof parseEventStream>[0]]>([
    ['a Response', () => eventStream(text)],
    [
      'a Response with a charset and capitals',
      () => new Response(text, { headers: { 'content-type': 'Text/Event-Stream; charset=utf-8' } }),
    ],
    ['a Response of status 201', () => new Response(text, { status: 201, headers: { 'content-type': 'text/event-stream' } })],
    ['a ReadableStream', () => streamOf(...eachByte)],
    ['an async generator of bytes', () => generate(...eachByte)],
    ['an async generator of strings', () => generate(...text.split(''))],
    [
      'an async iterable of both',
      () => generate('id: 1\nda', bytes('ta: é'), bytes('😀').subarray(0, 1), bytes('😀').subarray(1), '\n\nevent: e\ndata: b\n\n'),
    ],
    ['a Node stream', () => Readable.from(eachByte)],
  ])('%s', async (_, body) => {
    expect(await all(parseEventStream(body()))).toMatchObject(should)
  })

  test('a Response without a body: none', async () => {
    expect(await all(parseEventStream(new Response(null, { headers: { 'content-type': 'text/event-stream' } })))).toEqual([])
  })

  test('the stream as they come, before it ends', async () => {
    const { stream, enqueue } = controlled()
    const items = parseEventStream(stream)[Symbol.asyncIterator]()
    const first = items.next()
    enqueue('data: a\r\r')
    expect((await first).value).toMatchObject({ data: 'a' })
    const second = items.next()
    enqueue('data: b\n')
    enqueue('\ndata: c\n\n')
    expect((await second).value).toMatchObject({ data: 'b' })
    expect((await items.next()).value).toMatchObject({ data: 'c' })
    await items.return?.()
  })

  test('the stream with the callbacks and the last event ID asked for', async () => {
    const onId = vi.fn<(id: string) => void>()
    const onRetry = vi.fn<(retry: number) => void>()
    const onComment = vi.fn<(text: string) => void>()
    const items = await all(
      parseEventStream(eventStream('data: a\n\n:c\nretry: 5\nid: 2\n\n'), { lastEventId: '1', onId, onRetry, onComment }),
    )
    expect(items).toMatchObject([{ lastEventId: '1' }])
    expect([onId, onRetry, onComment].map((callback) => callback.mock.calls)).toEqual([[['2']], [[5]], [['c']]])
  })
})

describe('one loop', () => {
  test('answers next() in order, also when called many times at once', async () => {
    const items = parseEventStream(streamOf('data: 1\n\nda', 'ta: 2\n\n', ': c\n', 'data: 3\n\n'))[Symbol.asyncIterator]()
    const results = await Promise.all([items.next(), items.next(), items.next(), items.next(), items.next()])
    expect(results.map((result) => result.value?.data)).toEqual(['1', '2', '3', undefined, undefined])
    expect(results.map((result) => result.done)).toEqual([false, false, false, true, true])
  })

  test('goes on where the one before it stopped reading by hand', async () => {
    const iterable = parseEventStream(streamOf('data: 1\n\ndata: 2\n\n'))
    await iterable[Symbol.asyncIterator]().next()
    expect(await all(iterable)).toMatchObject([{ data: '2' }])
  })

  test('pulls nothing before the first next(), and no more than it needs', async () => {
    let pulled = 0
    const stream = new ReadableStream<Uint8Array>(
      { pull: (controller) => controller.enqueue(bytes(`data: ${++pulled}\n\n`)) },
      { highWaterMark: 0 },
    )
    const items = parseEventStream(stream)[Symbol.asyncIterator]()
    await sleep(5)
    expect(pulled).toBe(0)
    await items.next()
    await sleep(5)
    expect(pulled).toBe(1)
    await items.return?.()
  })
})

describe('leaving the loop', () => {
  test.each(['break', 'throw'])('cancels the body: %s', async (way) => {
    const { stream, enqueue, cancelled } = controlled()
    enqueue('data: a\n\ndata: b\n\n')
    const loop = async () => {
      for await (const item of parseEventStream(eventStream(stream))) {
        if (way === 'throw') throw new Error(item.data)
        break
      }
    }
    await loop().catch(() => {})
    expect(cancelled).toHaveBeenCalledOnce()
  })

  test('returns the iterator', async () => {
    let returned = false
    async function* source() {
      try {
        for (;;) yield 'data: a\n\n'
      } finally {
        returned = true
      }
    }
    for await (const _ of parseEventStream(source())) break
    expect(returned).toBe(true)
  })

  // However many microtasks have gone by: the body may be just being opened.
  test.each<number | 'long'>([0, 1, 2, 3, 4, 5, 8, 20, 'long'])(
    'while it waits cancels the body and ends both next() and return(), %s turns later',
    async (turns) => {
      for (const wrap of [eventStream, (stream: ReadableStream<Uint8Array>) => stream]) {
        const { stream, cancelled } = controlled()
        const items = parseEventStream(wrap(stream))[Symbol.asyncIterator]()
        const pending = items.next()
        if (turns === 'long') await sleep(10)
        for (let turn = 0; turn < Number(turns); turn++) await Promise.resolve()
        const left = items.return?.()
        expect(await soon(left)).toEqual({ done: true, value: undefined })
        expect(await soon(pending)).toEqual({ done: true, value: undefined })
        expect(cancelled).toHaveBeenCalledOnce()
        expect(await soon(items.next())).toEqual({ done: true, value: undefined })
      }
    },
  )

  test('while a generator waits for ever ends both', async () => {
    async function* source() {
      yield 'data: a\n\n'
      await new Promise(() => {})
    }
    const items = parseEventStream(source())[Symbol.asyncIterator]()
    await items.next()
    const pending = items.next()
    await sleep(5)
    expect(await soon(items.return?.())).toEqual({ done: true, value: undefined })
    expect(await soon(pending)).toEqual({ done: true, value: undefined })
  })

  test('while a generator waits and then fails is no unhandled rejection', async () => {
    let fail: (error: Error) => void = () => {}
    async function* source() {
      yield 'data: a\n\n'
      await new Promise((_, reject) => (fail = reject))
    }
    const unhandled = vi.fn<() => void>()
    process.on('unhandledRejection', unhandled)
    const items = parseEventStream(source())[Symbol.asyncIterator]()
    await items.next()
    const pending = items.next()
    await sleep(5)
    await soon(items.return?.())
    fail(new Error('late'))
    expect(await soon(pending)).toMatchObject({ done: true })
    await sleep(10)
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  test('before it began cancels the body', async () => {
    const { stream, cancelled } = controlled()
    const items = parseEventStream(eventStream(stream))[Symbol.asyncIterator]()
    await soon(items.return?.())
    expect(cancelled).toHaveBeenCalledOnce()
    expect(await soon(items.next())).toEqual({ done: true, value: undefined })
  })

  test('drops items that are there but were not asked for', async () => {
    const items = parseEventStream(streamOf('data: a\n\ndata: b\n\n'))[Symbol.asyncIterator]()
    await items.next()
    await items.return?.()
    expect(await items.next()).toEqual({ done: true, value: undefined })
  })

  test('twice is once', async () => {
    const { stream, cancelled } = controlled()
    const items = parseEventStream(stream)[Symbol.asyncIterator]()
    await Promise.all([items.return?.(), items.return?.()])
    await items.return?.()
    expect(cancelled).toHaveBeenCalledOnce()
  })

  test('waits until the body is cancelled', async () => {
    let cancelled = false
    const cancel = async () => {
      await sleep(10)
      cancelled = true
    }
    for await (const _ of parseEventStream(new ReadableStream<Uint8Array>({ start: (own) => own.enqueue(bytes('data: a\n\n')), cancel })))
      break
    expect(cancelled).toBe(true)
  })

  test('is quiet when the body can not be cancelled', async () => {
    const stream = new ReadableStream<Uint8Array>({ cancel: () => Promise.reject(new Error('no')) })
    const items = parseEventStream(stream)[Symbol.asyncIterator]()
    expect(await soon(items.return?.())).toEqual({ done: true, value: undefined })
  })
})

describe('an error', () => {
  test('of the body comes after the items before it', async () => {
    const error = new Error('connection lost')
    async function* source() {
      yield 'data: a\n\ndata: b\n\ndata: lost'
      throw error
    }
    expect(await outcome(source())).toEqual({ data: ['a', 'b'], error })
    expect(await outcome(toStream(source()))).toEqual({ data: ['a', 'b'], error })
  })

  test('SSE_BUFFER_LIMIT comes after the items before it, and cancels the body', async () => {
    const { stream, enqueue, cancelled } = controlled()
    enqueue(`data: a\n\ndata: b\n\n: ${'x'.repeat(100)}`)
    expect(await outcome(stream, { maxBufferSize: 50 })).toMatchObject({ data: ['a', 'b'], error: { code: 'SSE_BUFFER_LIMIT' } })
    expect(cancelled).toHaveBeenCalledOnce()
  })

  test('is told once; then the loop has ended', async () => {
    const items = parseEventStream(generate('x'.repeat(100)), { maxBufferSize: 50 })[Symbol.asyncIterator]()
    await expect(items.next()).rejects.toThrow(SseError)
    expect(await items.next()).toEqual({ done: true, value: undefined })
    expect(await items.return?.()).toEqual({ done: true, value: undefined })
  })

  test('of a callback ends the loop with it', async () => {
    const onComment = () => {
      throw new Error('mine')
    }
    expect(await outcome(generate('data: a\n\n', ': c\n\n'), { onComment })).toEqual({ data: ['a'], error: new Error('mine') })
  })

  test('of chunks that are none is a TypeError', async () => {
    expect(await outcome(generate(5 as never))).toMatchObject({ error: expect.any(TypeError) as unknown })
  })

  test('of a body that is being read already is a TypeError', async () => {
    const response = eventStream('data: a\n\n')
    response.body?.getReader()
    expect(await outcome(response)).toMatchObject({ error: expect.any(TypeError) as unknown })
  })
})

test.each([
  ['data: a\n\n'],
  [null],
  [undefined],
  [42],
  [{}],
  [['data: a\n\n']],
  [bytes('data: a\n\n')],
  [() => {}],
  [Promise.resolve(new Response())],
])('what is no body is a TypeError at once, with the remedy: %o', (body) => {
  expect(() => parseEventStream(body as never)).toThrow(TypeError)
  expect(() => parseEventStream(body as never)).toThrow(/`body` must be a Response, a ReadableStream or an async iterable/)
})

test('options of the wrong type are a TypeError at once', () => {
  expect(() => parseEventStream(eventStream(''), { maxBufferSize: -1 })).toThrow(/`maxBufferSize`/)
})

function eventStream(body: BodyInit): Response {
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

function streamOf(...chunks: (Uint8Array | string)[]): ReadableStream<Uint8Array> {
  return toStream(generate(...chunks))
}

async function* generate(...chunks: (Uint8Array | string)[]) {
  yield* chunks
}

/** A stream that is fed by hand and tells when it is cancelled. */
function controlled() {
  const cancelled = vi.fn<() => void>()
  let controller!: ReadableStreamDefaultController<Uint8Array>
  const stream = new ReadableStream<Uint8Array>({ start: (own) => void (controller = own), cancel: cancelled })
  return { stream, cancelled, enqueue: (text: string) => controller.enqueue(bytes(text)) }
}

async function all(items: AsyncIterable<ReceivedItem>): Promise<ReceivedItem[]> {
  const list: ReceivedItem[] = []
  for await (const item of items) list.push(item)
  return list
}

async function outcome(...args: Parameters<typeof parseEventStream>) {
  const data: string[] = []
  try {
    for await (const item of parseEventStream(...args)) data.push(item.data)
  } catch (error) {
    return { data, error }
  }
  return { data }
}

/** Well before anything that waits for a second. */
async function soon<T>(promise: Promise<T> | undefined): Promise<T> {
  return Promise.race([promise as Promise<T>, sleep(800).then(() => Promise.reject(new Error('not within 800 ms')))])
}
