import { SseError } from '../errors.js'
import { show } from '../protocol/fields.js'
import { parseEventStream } from '../protocol/read.js'
import type { ReceivedItem } from '../protocol/received.js'

export interface CollectOptions {
  /** How many milliseconds the items may take, together. @default 5000 */
  within?: number | undefined
}

/**
 * The first `count` items of an endpoint or any async iterable; then it is left, as a client leaves:
 * `expect(await collect(fetch('/clock'), 3)).toMatchObject([{ data: '1' }, { data: '2' }, { data: '3' }])`.
 *
 * @throws {SseError} SSE_CLOSED when the stream ends before, SSE_IDLE when the items take longer than `within`, SSE_BAD_RESPONSE when
 * the answer is no event stream; the message says what had come.
 */
export function collect(stream: Response | Promise<Response>, count: number, options?: CollectOptions): Promise<ReceivedItem[]>
export function collect<T>(stream: AsyncIterable<T>, count: number, options?: CollectOptions): Promise<T[]>
export async function collect(
  stream: Response | Promise<Response> | AsyncIterable<unknown>,
  count: number,
  { within = 5000 }: CollectOptions = {},
): Promise<unknown[]> {
  if (!Number.isSafeInteger(count) || count < 0) throw new TypeError(`\`count\` must be a whole number >= 0: ${count}`)
  const items: unknown[] = []
  const had = (): string => `${items.length} of ${count} items had come: ${toText(items)}`
  let timer: ReturnType<typeof setTimeout> | undefined
  let iterator: AsyncIterator<unknown> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SseError('SSE_IDLE', `Not within ${within} ms; ${had()}`)), within)
  })
  try {
    const source = Symbol.asyncIterator in stream ? stream : parseEventStream(await Promise.race([stream, late]))
    iterator = source[Symbol.asyncIterator]()
    while (items.length < count) {
      const { done, value } = await Promise.race([iterator.next(), late])
      if (done) throw new SseError('SSE_CLOSED', `The stream ended; ${had()}`)
      items.push(value)
    }
    return items
  } finally {
    clearTimeout(timer)
    // Not awaited: a generator that waits would answer only after its wait, and an answer may be late.
    leave(iterator, stream).catch(() => {})
  }
}

async function leave(iterator: AsyncIterator<unknown> | undefined, stream: object): Promise<void> {
  if (iterator) await iterator.return?.()
  else await (await (stream as Promise<Response>)).body?.cancel()
}

function toText(items: readonly unknown[]): string {
  try {
    return JSON.stringify(items)
  } catch {
    return items.map(show).join(', ')
  }
}
