import { expect, onTestFinished, test, vi } from 'vitest'
import { bytes } from '../../test/protocol/record.js'
import { SseError } from '../errors.js'
import { parseEventStream } from './index.js'

test.each<[string, Response, string]>([
  [
    'an error status, event stream or not',
    new Response('data: no\n\n', { status: 500, headers: { 'content-type': 'text/event-stream' } }),
    'data: no\n\n',
  ],
  ['204', new Response(null, { status: 204 }), ''],
  ['304', new Response(null, { status: 304, headers: { 'content-type': 'text/event-stream' } }), ''],
  ['a JSON error', Response.json({ code: 'NOPE' }, { status: 401 }), '{"code":"NOPE"}'],
  ['a page', new Response('<title>Sign in</title>', { headers: { 'content-type': 'text/html' } }), '<title>Sign in</title>'],
  ['no content type', new Response(Uint8Array.from(bytes('data: a\n\n'))), 'data: a\n\n'],
  ['a type that only begins like it', new Response('x', { headers: { 'content-type': 'text/event-streams' } }), 'x'],
  ['an empty body', new Response('', { status: 404 }), ''],
  ['a body that is not UTF-8', new Response(Uint8Array.of(0xff, 0x61), { status: 404 }), '\uFFFDa'],
])('%s is SSE_BAD_RESPONSE with status, headers and the first bytes', async (_, response, body) => {
  const { status, headers } = response
  const error = await refused(response)
  expect(error).toBeInstanceOf(SseError)
  expect(error).toMatchObject({ code: 'SSE_BAD_RESPONSE', response: { status, body } })
  expect(error.response?.headers).toBe(headers)
  expect(error.message).toContain(String(status))
})

test('a long body is read and cut at 1024 characters, and cancelled', async () => {
  const cancelled = vi.fn<() => void>()
  let pulled = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++
      controller.enqueue(bytes('x'.repeat(700)))
    },
    cancel: cancelled,
  })
  const error = await refused(new Response(body, { status: 500 }))
  expect(error.response?.body).toBe('x'.repeat(1024))
  expect(error.message.length).toBeLessThan(250)
  expect(pulled).toBeLessThan(5)
  expect(cancelled).toHaveBeenCalledOnce()
})

test('a body that never ends is waited for about a second, and cancelled', async () => {
  const cancelled = vi.fn<() => void>()
  const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(bytes('<title>')), cancel: cancelled })
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  let error: SseError | undefined
  void refused(new Response(body, { headers: { 'content-type': 'text/html' } })).then((thrown) => (error = thrown))
  await vi.advanceTimersByTimeAsync(500)
  expect(error).toBeUndefined()
  await vi.advanceTimersByTimeAsync(1000)
  expect(error).toMatchObject({ code: 'SSE_BAD_RESPONSE', response: { status: 200, body: '<title>' } })
  expect(cancelled).toHaveBeenCalledOnce()
})

test('a body that fails still shows what came before', async () => {
  const parts = ['<title>', undefined]
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const part = parts.shift()
      if (part) controller.enqueue(bytes(part))
      else controller.error(new Error('lost'))
    },
  })
  expect(await refused(new Response(body, { status: 500 }))).toMatchObject({ code: 'SSE_BAD_RESPONSE', response: { body: '<title>' } })
})

test('a body that was read already is shown as empty', async () => {
  const response = new Response('x', { status: 500 })
  await response.text()
  expect(await refused(response)).toMatchObject({ code: 'SSE_BAD_RESPONSE', response: { status: 500, body: '' } })
})

test('a body that another reads is shown as empty', async () => {
  const response = new Response(new ReadableStream<Uint8Array>(), { status: 500 })
  response.body?.getReader()
  expect(await refused(response)).toMatchObject({ code: 'SSE_BAD_RESPONSE', response: { status: 500, body: '' } })
})

test('leaving while its first bytes are awaited ends both at once, and cancels the body within about a second', async () => {
  const cancelled = vi.fn<() => void>()
  const response = new Response(new ReadableStream<Uint8Array>({ cancel: cancelled }), { status: 500 })
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const items = parseEventStream(response)[Symbol.asyncIterator]()
  const pending = items.next()
  await vi.advanceTimersByTimeAsync(5)
  // Without a moment of that second.
  await Promise.all([items.return?.(), pending])
  await vi.advanceTimersByTimeAsync(1500)
  expect(cancelled).toHaveBeenCalledOnce()
})

async function refused(response: Response): Promise<SseError> {
  try {
    for await (const item of parseEventStream(response)) throw new Error(`an item: ${item.data}`)
  } catch (error) {
    return error as SseError
  }
  throw new Error('nothing was thrown')
}
