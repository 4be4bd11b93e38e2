import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { SseError, SseItem } from '../index.js'
import { parseEventStream } from '../protocol/index.js'
import { faces } from '../../test/helpers/faces.js'
import { never, sleep, when } from '../../test/helpers/servers.js'

const BOOM = new Error('boom: password=hunter2')

async function* failingAfter(...items: unknown[]): AsyncGenerator {
  yield* items
  throw BOOM
}

describe.each(faces)('$name', ({ ask }) => {
  describe('before anything is sent', () => {
    test.each<[string, unknown, object]>([
      [
        'a function that throws',
        () => {
          throw BOOM
        },
        {},
      ],
      ['a function that rejects', async () => Promise.reject(BOOM), {}],
      ['a function that rejects later', async () => sleep(5).then(() => Promise.reject(BOOM)), {}],
      [
        'an iterable that gives no iterator',
        () => ({
          [Symbol.asyncIterator]() {
            throw BOOM
          },
        }),
        {},
      ],
      ['with open: first-item a source that fails', () => failingAfter(), { open: 'first-item' }],
      [
        'with open: first-item a ReadableStream that fails',
        () => new ReadableStream({ start: (controller) => controller.error(BOOM) }),
        { open: 'first-item' },
      ],
      ['with open: first-item an array whose first promise rejects', () => [Promise.reject(BOOM)], { open: 'first-item' }],
    ])('%s is answered by the error handler, and by nobody else', async (_, source, options) => {
      const errors: unknown[] = []
      const answer = await ask(source, { onError: (error: unknown) => errors.push(error), ...options })
      expect([answer.status, await answer.text()]).toEqual([500, 'failed'])
      expect(answer.headers['content-type']).not.toBe('text/event-stream')
      expect(answer.headers).not.toHaveProperty('x-accel-buffering')
      expect(answer.refusal()).toBe(BOOM)
      await sleep(5)
      expect(errors).toEqual([])
    })

    test.each<[string, unknown]>([
      ['a string', 'hello'],
      ['undefined', undefined],
      ['null', null],
      ['a number', 5],
      ['a promise of a promise of nothing', Promise.resolve({})],
      ['an object', { data: 'a' }],
    ])('a function that gives %s is a wrong call', async (_, items) => {
      const answer = await ask(async () => items)
      expect(answer.status).toBe(500)
      expect(answer.refusal()).toBeInstanceOf(TypeError)
      expect(String(answer.refusal())).toMatch(/`items` must be .*iterable/)
    })

    test('a first item that can not be sent is answered by the error handler, and the source returned', async () => {
      let returned = false
      async function* source(): AsyncGenerator {
        try {
          yield 1n
        } finally {
          returned = true
        }
      }
      const answer = await ask(source, { open: 'first-item' })
      expect(answer.status).toBe(500)
      expect(answer.refusal()).toMatchObject({ code: 'SSE_INVALID_DATA' })
      await when(() => returned)
    })

    test('open: first-item waits for the first item, then sends it first', async () => {
      let isReady = false
      const answer = await ask(
        async function* () {
          await sleep(30)
          isReady = true
          yield 'a'
          yield 'b'
        },
        { open: 'first-item' },
      )
      expect(isReady).toBe(true)
      expect(await answer.text()).toBe(':\n\ndata: a\n\ndata: b\n\n')
    })

    test('open: first-item answers a source without items with an empty stream', async () => {
      const answer = await ask(() => [], { open: 'first-item', reconnect: false })
      expect([answer.status, await answer.text()]).toEqual([200, ':\n\nid: server-sent:end\n\n'])
    })

    test('open: at-once answers while the source waits', async () => {
      const answer = await ask(never, { open: 'at-once' })
      await answer.until(':\n\n')
      expect(answer.status).toBe(200)
      answer.leave()
    })
  })

  describe('in mid-stream', () => {
    /** The text of a stream that fails, and what onError got. */
    async function failed(source: unknown, options: object = {}): Promise<{ text: string; errors: unknown[] }> {
      const errors: unknown[] = []
      const answer = await ask(source, { onError: (error: unknown) => errors.push(error), ...options })
      const text = await answer.text()
      await sleep(5)
      return { text, errors }
    }

    test.each<[string, () => unknown, string]>([
      ['a generator', () => failingAfter('a'), 'data: a\n\n'],
      ['a generator, at its first item', () => failingAfter(), ''],
      ['a function with a generator', () => () => failingAfter('a', 'b'), 'data: a\n\ndata: b\n\n'],
      ['an array of promises', () => ['a', rejected()], 'data: a\n\n'],
      ['a ReadableStream', () => readable(), ''],
      ['a ReadableStream that had more to give', () => readable('a'), 'data: a\n\n'],
      ['an iterator that throws', () => thrower(), ''],
    ])('%s that fails ends the stream; onError gets exactly its error, once, and the client no word of it', async (_, source, text) => {
      const seen = await failed(source())
      expect(seen.text).toBe(`:\n\n${text}`)
      expect(seen.errors).toEqual([BOOM])
      expect(seen.errors[0]).toBe(BOOM)
    })

    function rejected(): Promise<never> {
      const promise = Promise.reject(BOOM)
      promise.catch(() => {})
      return promise
    }

    function readable(...items: unknown[]): ReadableStream {
      return new ReadableStream(
        {
          pull(controller) {
            if (items.length > 0) controller.enqueue(items.shift())
            else controller.error(BOOM)
          },
        },
        { highWaterMark: 0 },
      )
    }

    function thrower(): AsyncIterable<string> {
      return {
        [Symbol.asyncIterator]: () => ({
          next() {
            throw BOOM
          },
        }),
      }
    }

    test('a source that fails is not ended for good: clients may come back', async () => {
      expect((await failed(failingAfter('a'), { reconnect: false })).text).toBe(':\n\ndata: a\n\n')
    })

    test.each<[string, unknown, RegExp]>([
      ['undefined', undefined, /JSON/],
      ['a function', () => {}, /JSON/],
      ['a bigint', 5n, /JSON/],
      ['bytes', new Uint8Array(3), /parseEventStream\(\)/],
      ['a Buffer', Buffer.from('data: a\n\n'), /parseEventStream\(\)/],
      ['an ArrayBuffer', new ArrayBuffer(3), /parseEventStream\(\)/],
      ['what refers to itself', circular(), /JSON/],
    ])('%s is refused with its remedy; the source is returned', async (_, item, message) => {
      let returned = 0
      async function* source(): AsyncGenerator {
        try {
          yield 'a'
          yield item
          yield 'b'
        } finally {
          returned++
        }
      }
      const { text, errors } = await failed(source())
      expect(text).toBe(':\n\ndata: a\n\n')
      expect(errors).toEqual([expect.any(SseError)])
      expect(errors[0]).toMatchObject({ code: 'SSE_INVALID_DATA', message: expect.stringMatching(message) })
      expect(returned).toBe(1)
    })

    function circular(): object {
      const object: { self?: object } = {}
      object.self = object
      return object
    }

    test('an item that a generator can not make is its own error', async () => {
      const { text, errors } = await failed(
        (function* () {
          yield 'a'
          yield new SseItem('b', { id: 'x\nid: y' })
        })(),
      )
      expect(text).toBe(':\n\ndata: a\n\n')
      expect(errors).toEqual([expect.objectContaining({ code: 'SSE_INVALID_FIELD', message: expect.stringContaining('`id`') })])
    })

    test('a forged item gets no line of its own on the wire', async () => {
      const forged = Object.create(SseItem.prototype, { data: { value: 'a' }, event: { value: 'x\ndata: evil' } })
      const { text, errors } = await failed([forged])
      expect(text).toBe(':\n\n')
      expect(errors).toEqual([expect.objectContaining({ code: 'SSE_INVALID_FIELD' })])
    })

    test.each<[string, () => unknown]>([
      [
        'throws',
        () => {
          throw new Error('of onError')
        },
      ],
      ['rejects', async () => Promise.reject(new Error('of onError'))],
    ])('an onError that %s is told on the console, and crashes nothing', async (_, onError) => {
      const told = vi.spyOn(console, 'error').mockImplementation(() => {})
      onTestFinished(() => told.mockRestore())
      expect((await failed(failingAfter('a'), { onError })).text).toBe(':\n\ndata: a\n\n')
      expect(told.mock.calls).toEqual([[expect.objectContaining({ message: 'of onError' })]])
    })

    test('without onError an error is told on the console', async () => {
      const told = vi.spyOn(console, 'error').mockImplementation(() => {})
      onTestFinished(() => told.mockRestore())
      await failed(failingAfter('a'), { onError: undefined })
      expect(told.mock.calls).toEqual([[BOOM]])
    })

    test('an AbortError of the source itself reaches onError while the client is there', async () => {
      const { text, errors } = await failed(
        (async function* () {
          yield 'a'
          AbortSignal.abort().throwIfAborted()
        })(),
      )
      expect(text).toBe(':\n\ndata: a\n\n')
      expect(errors).toEqual([expect.objectContaining({ name: 'AbortError' })])
    })
  })

  describe('when the client has left', () => {
    /** What onError got from a source that reacts to the leaving of its client. */
    async function after(react: (signal: AbortSignal) => void, options: object = {}): Promise<unknown[]> {
      const errors: unknown[] = []
      let isDone = false
      const answer = await ask(
        async function* ({ signal }: { signal: AbortSignal }) {
          yield 'a'
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          isDone = true
          react(signal)
        },
        { onError: (error: unknown) => errors.push(error), ...options },
      )
      await answer.until('data: a')
      answer.leave()
      await when(() => isDone)
      await sleep(5)
      return errors
    }

    test('a source that throws the reason of its signal has done as it was told', async () => {
      expect(await after((signal) => signal.throwIfAborted())).toEqual([])
    })

    test('a source whose fetch throws an AbortError has done as it was told', async () => {
      expect(await after(() => AbortSignal.abort().throwIfAborted())).toEqual([])
    })

    test('another error of the source still reaches onError', async () => {
      expect(
        await after(() => {
          throw BOOM
        }),
      ).toEqual([BOOM])
    })

    test('a source that ends quietly is no error', async () => {
      expect(await after(() => {})).toEqual([])
    })

    test.each(['at-once', 'first-item'])(
      'during its function, with open: %s, what that gives later is let go, and nothing reported',
      async (open) => {
        const errors: unknown[] = []
        const done: string[] = []
        let give: (items: unknown) => void = () => {}
        let signal: AbortSignal | undefined
        const client = new AbortController()
        const asked = ask(
          (context: { signal: AbortSignal }) => {
            signal = context.signal
            return new Promise((resolve) => (give = resolve))
          },
          { open, onError: (error: unknown) => errors.push(error) },
          { signal: client.signal },
        )
        asked.catch(() => {})
        await when(() => signal !== undefined)
        client.abort()
        await when(() => signal?.aborted === true)
        give(new ReadableStream({ pull: () => void done.push('pulled'), cancel: () => void done.push('cancelled') }, { highWaterMark: 0 }))
        await when(() => done.length > 0)
        await sleep(10)
        expect(done).toEqual(['cancelled'])
        expect(errors).toEqual([])
      },
    )
  })

  describe('signal', () => {
    test('ends the stream cleanly in mid-stream, tells no client to stay away, and lets the source go', async () => {
      const stop = new AbortController()
      let reason: unknown
      let returned = false
      const errors: unknown[] = []
      const answer = await ask(
        async function* ({ signal }: { signal: AbortSignal }) {
          try {
            yield 'a'
            await new Promise((resolve) => signal.addEventListener('abort', resolve))
            reason = signal.reason
            throw signal.reason
          } finally {
            returned = true
          }
        },
        { signal: stop.signal, reconnect: false, onError: (error: unknown) => errors.push(error) },
      )
      await answer.until('data: a')
      stop.abort('shutting down')
      expect(await answer.text()).toBe(':\n\ndata: a\n\n')
      await when(() => returned)
      expect([reason, errors]).toEqual(['shutting down', []])
    })

    test('ends a stream whose source does not listen', async () => {
      const stop = new AbortController()
      const answer = await ask(never(), { signal: stop.signal })
      await answer.until(':\n\n')
      stop.abort()
      expect(await answer.text()).toBe(':\n\n')
    })

    test('that aborts after the end does nothing', async () => {
      const stop = new AbortController()
      const answer = await ask(['a'], { signal: stop.signal })
      const text = await answer.text()
      stop.abort()
      expect(text).toBe(':\n\ndata: a\n\n')
    })
  })

  test('a relay keeps event, id, data and retry', async () => {
    const wire = ': c\n\nevent: e\ndata: a\ndata: b\nid: 1\nretry: 5\n\ndata: é😀\nid: \n\ndata: \n\n'
    const answer = await ask(() => parseEventStream(new Response(wire, { headers: { 'content-type': 'text/event-stream' } })))
    expect(await answer.text()).toBe(':\n\nevent: e\ndata: a\ndata: b\nid: 1\nretry: 5\n\ndata: é😀\nid: \n\ndata: \n\n')
  })

  test('a relay leaves its upstream when its client leaves', async () => {
    let cancelled = false
    const upstream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('data: a\n\n')),
      cancel: () => void (cancelled = true),
    })
    const answer = await ask(() => parseEventStream(upstream))
    await answer.until('data: a')
    expect(cancelled).toBe(false)
    answer.leave()
    await when(() => cancelled)
  })
})
