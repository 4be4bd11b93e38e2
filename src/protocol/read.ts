import { checkResponse } from './check-response.js'
import { show } from './fields.js'
import { createParser, type ParseOptions } from './parse.js'
import type { ReceivedItem } from './received.js'

type Chunk = Uint8Array | string
type Body = ReadableStream<Uint8Array> | AsyncIterable<Chunk>

interface Result {
  readonly done?: boolean | undefined
  readonly value?: Chunk | undefined
}

/** What a stream's reader and an async iterator have in common. */
interface Chunks {
  next(): Promise<Result>
  cancel(): Promise<unknown> | undefined
}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined }

/**
 * The items of an event stream as they come: `for await (const item of parseEventStream(await fetch(url)))`.
 *
 * Leaving the loop cancels the body, also while it is waiting for it. There is one loop per call.
 *
 * @throws {SseError} In the loop: SSE_BAD_RESPONSE unless a Response is a 2xx event stream (`error.response` has its status, headers
 * and first bytes), SSE_BUFFER_LIMIT, and whatever the body itself fails with; items that came before are delivered first.
 * @throws {TypeError} when `body` is none of these.
 */
export function parseEventStream(body: Response | Body, options?: ParseOptions): AsyncIterable<ReceivedItem> {
  const { check, open } = opener(body)
  const items: ReceivedItem[] = []
  let at = 0
  let chunks: Promise<Chunks> | undefined
  let letGo = (): void => {}
  let failure: { readonly error: unknown } | undefined
  let reading = false
  let left = false
  const parser = createParser({ ...options, onItem: (item) => void items.push(item) })

  async function next(): Promise<IteratorResult<ReceivedItem, undefined>> {
    while (!left) {
      const item = items[at++]
      if (item) return { done: false, value: item }
      if (failure) {
        await leave()
        throw failure.error
      }
      items.length = at = 0
      await read()
    }
    return END
  }

  async function read(): Promise<void> {
    reading = true
    try {
      // Settled by leave(), too: a generator that waits answers nothing, not even return().
      const result = await new Promise<Result | undefined>((resolve, reject) => {
        letGo = () => resolve(undefined)
        nextChunk().then(resolve, reject)
      })
      if (result?.done) left = true
      else if (result && !left) parser.feed(result.value as Chunk)
    } catch (error) {
      failure = { error }
    }
    reading = false
  }

  async function nextChunk(): Promise<Result> {
    chunks ??= check().then(open)
    return (await chunks).next()
  }

  async function leave(): Promise<void> {
    if (left) return
    left = true
    letGo()
    chunks ??= Promise.resolve().then(open)
    // That it can't be cancelled, because it has failed, was told by next().
    const cancelled = chunks.then((opened) => opened.cancel()).catch(() => {})
    // What is waiting may take its time to be cancelled.
    if (!reading) await cancelled
  }

  // Calls of next() are answered one after the other, as a generator's would be; return() cuts in.
  let turn: Promise<unknown> = Promise.resolve()
  const iterator: AsyncIterableIterator<ReceivedItem, undefined> = {
    next() {
      const result = turn.then(next)
      turn = result.catch(() => {})
      return result
    },
    async return() {
      await leave()
      return END
    },
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator
}

/** `check` rejects a Response that is no event stream; `open` alone is enough to cancel it. */
function opener(body: unknown): { check: () => Promise<void>; open: () => Chunks } {
  if (isResponse(body)) return { check: () => checkResponse(body), open: () => chunksOf(body.body) }
  if (isStream(body) || isAsyncIterable(body)) return { check: async () => {}, open: () => chunksOf(body) }
  throw new TypeError(`\`body\` must be a Response, a ReadableStream or an async iterable of bytes or strings: ${show(body)}`)
}

function chunksOf(body: Body | null): Chunks {
  if (body === null) return { next: async () => ({ done: true }), cancel: () => undefined }
  if (isStream(body)) {
    // Its own async iterator would answer return() only after a pending read.
    const reader = body.getReader()
    return { next: () => reader.read(), cancel: () => reader.cancel() }
  }
  const iterator = body[Symbol.asyncIterator]()
  return { next: () => iterator.next(), cancel: () => iterator.return?.() }
}

// By shape: a Response or stream of another realm, or of a library's own fetch, is as good.
function isResponse(value: unknown): value is Response {
  return typeof value === 'object' && value !== null && 'headers' in value && 'status' in value && 'body' in value
}

function isStream(value: unknown): value is ReadableStream<Uint8Array> {
  return typeof value === 'object' && value !== null && 'getReader' in value
}

function isAsyncIterable(value: unknown): value is AsyncIterable<Chunk> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
