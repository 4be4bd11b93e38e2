import { describe, expect, test, vi } from 'vitest'
import { bytes, toStream } from '../../test/protocol/record.js'
import { SseItem } from '../index.js'
import { parseVectors } from '../testing/vectors.js'
import { parseEventStream, SseDecoderStream, SseEncoderStream, type ReceivedItem } from './index.js'

describe('SseDecoderStream', () => {
  test.each(parseVectors.map((vector) => [vector.name, vector] as const))('%s', async (_, { input, output }) => {
    const whole = typeof input === 'string' ? bytes(input) : Uint8Array.from(input)
    const [retries, comments]: [number[], string[]] = [[], []]
    const decoder = new SseDecoderStream({ onRetry: (retry) => retries.push(retry), onComment: (text) => comments.push(text) })
    const items = await all(toStream(generate(...Array.from(whole, (byte) => Uint8Array.of(byte)))).pipeThrough(decoder))
    expect(items.map(({ data, event, lastEventId }) => ({ data, event, lastEventId }))).toEqual(output.items)
    expect([retries, comments]).toEqual([output.retries ?? [], output.comments ?? []])
  })

  test('reads the body of a Response', async () => {
    const items = await all(new Response('data: a\n\ndata: b\n\n').body!.pipeThrough(new SseDecoderStream()))
    expect(items.map((item) => item.data)).toEqual(['a', 'b'])
  })

  test('takes strings and bytes', async () => {
    const decoder = new SseDecoderStream()
    const writer = decoder.writable.getWriter()
    void (async () => {
      for (const chunk of ['id: 1\nda', bytes('ta: é'), '\n', bytes('\n')]) await writer.write(chunk)
      await writer.close()
    })()
    expect(await all(decoder.readable)).toMatchObject([{ data: 'é', id: '1' }])
  })

  test('delivers the items before one that is too long, then errors', async () => {
    const reader = toStream(generate('data: a\n\ndata: b\n\n' + 'x'.repeat(100)))
      .pipeThrough(new SseDecoderStream({ maxBufferSize: 50 }))
      .getReader()
    expect((await reader.read()).value).toMatchObject({ data: 'a' })
    expect((await reader.read()).value).toMatchObject({ data: 'b' })
    await expect(reader.read()).rejects.toMatchObject({ code: 'SSE_BUFFER_LIMIT' })
  })

  test('errors with SSE_BUFFER_LIMIT', async () => {
    const decoded = toStream(generate('data: a\n\n', 'x'.repeat(100))).pipeThrough(new SseDecoderStream({ maxBufferSize: 50 }))
    await expect(all(decoded)).rejects.toMatchObject({ code: 'SSE_BUFFER_LIMIT' })
  })

  test('errors with a TypeError for what is no chunk', async () => {
    const decoder = new SseDecoderStream()
    const read = all(decoder.readable)
    await expect(decoder.writable.getWriter().write(5 as never)).rejects.toThrow(TypeError)
    await expect(read).rejects.toThrow(TypeError)
  })

  test('has nothing for a source that ends in mid-item', async () => {
    expect(await all(toStream(generate('data: a\n', 'data: b')).pipeThrough(new SseDecoderStream()))).toEqual([])
  })

  test('cancels its source when it is left', async () => {
    const cancel = vi.fn<() => void>()
    const source = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(bytes('data: a\n\n')), cancel })
    for await (const item of source.pipeThrough(new SseDecoderStream()) as unknown as AsyncIterable<ReceivedItem>) {
      expect(item.data).toBe('a')
      break
    }
    await vi.waitFor(() => expect(cancel).toHaveBeenCalledOnce(), 30_000)
  })

  test('refuses options of the wrong type', () => {
    expect(() => new SseDecoderStream({ maxBufferSize: 0 })).toThrow(/`maxBufferSize`/)
  })
})

describe('SseEncoderStream', () => {
  test('writes strings as they are, items with their fields, anything else as JSON', async () => {
    const values = ['a\nb', new SseItem('c', { id: 1, event: 'e' }), { d: 1 }, null, 5, false, ['x'], new SseItem(undefined, { retry: 5 })]
    expect(await encoded(values)).toBe(
      'data: a\ndata: b\n\n' +
        'event: e\ndata: c\nid: 1\n\n' +
        'data: {"d":1}\n\n' +
        'data: null\n\n' +
        'data: 5\n\n' +
        'data: false\n\n' +
        'data: ["x"]\n\n' +
        'retry: 5\n\n',
    )
  })

  test('writes bytes, a chunk for each value', async () => {
    const chunks: Uint8Array[] = []
    await from(['é', 'b'])
      .pipeThrough(new SseEncoderStream())
      .pipeTo(new WritableStream({ write: (chunk) => void chunks.push(chunk) }))
    expect(chunks).toEqual([bytes('data: é\n\n'), bytes('data: b\n\n')])
  })

  test('uses a serializer', async () => {
    expect(await encoded([5n, 'as it is'], { serialize: String })).toBe('data: 5\n\ndata: as it is\n\n')
  })

  test.each([[undefined], [bytes('data: a\n\n')], [() => {}], [5n], [Symbol('x')]])(
    'errors with SSE_INVALID_DATA for %o',
    async (value) => {
      await expect(encoded([value])).rejects.toMatchObject({ code: 'SSE_INVALID_DATA' })
    },
  )

  test('is the other end of SseDecoderStream', async () => {
    const items = [new SseItem('a\nb', { id: '1', event: 'e', retry: 5 }), new SseItem('😀')]
    const back = from(items).pipeThrough(new SseEncoderStream()).pipeThrough(new SseDecoderStream())
    expect(await all(back)).toMatchObject([
      { data: 'a\nb', id: '1', event: 'e', retry: 5 },
      { data: '😀', event: 'message', lastEventId: '1' },
    ])
  })

  test('relays what a reader yields', async () => {
    const text = 'event: e\ndata: a\ndata: b\nid: 1\nretry: 5\n\ndata: c\n\n'
    const items = parseEventStream(toStream(generate(text)))
    expect(await encoded(items)).toBe(text)
  })
})

function from(values: Iterable<unknown> | AsyncIterable<unknown>): ReadableStream<unknown> {
  return new ReadableStream({
    async start(controller) {
      for await (const value of values) controller.enqueue(value)
      controller.close()
    },
  })
}

async function encoded(
  values: Iterable<unknown> | AsyncIterable<unknown>,
  options?: ConstructorParameters<typeof SseEncoderStream>[0],
): Promise<string> {
  return new Response(from(values).pipeThrough(new SseEncoderStream(options)) as BodyInit).text()
}

async function* generate(...chunks: (Uint8Array | string)[]) {
  yield* chunks
}

async function all(stream: ReadableStream<ReceivedItem>): Promise<ReceivedItem[]> {
  const items: ReceivedItem[] = []
  await stream.pipeTo(new WritableStream({ write: (item) => void items.push(item) }))
  return items
}
