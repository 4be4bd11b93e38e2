import { SseError } from '../errors.js'
import { checkResponse } from '../protocol/check-response.js'
import type { ReceivedOf } from '../protocol/events.js'
import { mustBe } from '../protocol/fields.js'
import { END_ID } from '../protocol/headers.js'
import { createParser, type Parser } from '../protocol/parse.js'
import type { ReceivedItem } from '../protocol/received.js'
import { typerOf } from '../protocol/typed.js'
import { backoff } from '../util/backoff.js'
import { later, sleep, unlessAborted } from '../util/wait.js'
import { settingsOf, type AnyEvents, type ConnectOptions } from './connect-options.js'
import { watchPage, type Page } from './page.js'
import { discard, request } from './request.js'
import { isAtOrBefore } from './resume.js'
import { retryAfter } from './retry-after.js'

/** `connecting` at first; `reconnecting` from the loss of a connection, or an attempt that failed, to the next that is open. */
export type Status = 'connecting' | 'open' | 'reconnecting' | 'closed'

/** The items of a stream that comes back. There is one loop; leaving it closes. */
export interface EventStream<I> extends AsyncIterable<I> {
  /** The position of what the loop has been given: store it, and start from it another time. */
  readonly lastEventId: string
  readonly status: Status
  /** Ends the loop, at any moment; the connection is let go at once. */
  close(): void
}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined }

/**
 * The items of an event stream, over all its connections: `for await (const item of connect('/live')) ...`.
 *
 * It opens at the first `next()`, reads only as fast as the loop does, and ends when the loop is left, `signal` aborts, `until` is
 * true, or the server says that it is over (204, or our server's `reconnect: false`).
 *
 * After a reconnect, an item with an `id:` of its own at or before the one resumed from is dropped: equal, or alike but for a smaller
 * number (`7` before `8`, `k3x-7` before `k3x-8`). What comes after the first new ID isn't compared any more.
 *
 * @throws {TypeError} for wrong options, at once.
 * @throws {SseError} In the loop: SSE_BAD_RESPONSE for an answer that another try wouldn't change (4xx except 408, 425 and 429, or no
 * event stream), SSE_BUFFER_LIMIT, SSE_INVALID_DATA; without `reconnect` whatever the connection failed with.
 */
export function connect<E extends AnyEvents = undefined>(url: string | URL, options: ConnectOptions<E> = {}): EventStream<ReceivedOf<E>> {
  const { target, reconnect, backoff: times, idleTimeout } = settingsOf(url, options)
  const { events, signal: outer, pauseWhenHidden = false, maxBufferSize, until, onOpen, onReconnect, onInvalid } = options
  const toTyped = events && typerOf(events)
  if (events && !toTyped) throw new TypeError(mustBe('events', 'what defineEvents() makes', events))

  let status: Status = 'connecting'
  // Two positions: that of what the loop was given, and that of what has come.
  let lastEventId = options.lastEventId ?? ''
  let cursor = lastEventId
  // What has come and wasn't given yet, the next one last: taking from the front would move all the rest.
  const queue: { readonly item: ReceivedItem; readonly cursor: string }[] = []
  // How it ends, once what has come was given to the loop.
  let end: { readonly error?: unknown } | undefined

  // The connection, or the wait for it.
  let connection = new AbortController()
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  // The last ID that has come. Not where the caller started: of that nothing has been seen here.
  let seen = ''
  let parser = createStreamParser()
  let page: Page | undefined

  let attempt = 0
  let delay = 0
  let isWaiting = false
  let openedAt = Infinity
  let retry: number | undefined
  let hasRefreshed = false
  const sleeping = new SseError('SSE_CLOSED', 'The page sleeps')

  async function next(): Promise<IteratorResult<ReceivedOf<E>, undefined>> {
    try {
      while (status !== 'closed') {
        const entry = queue.pop()
        if (entry) {
          lastEventId = entry.cursor
          const item = (toTyped ? toTyped(entry.item, onInvalid) : entry.item) as ReceivedOf<E> | undefined
          if (!item) continue
          if (until?.(item)) close()
          return { done: false, value: item }
        }
        lastEventId = cursor
        if (end) {
          if ('error' in end) throw end.error
          close()
        } else await advance()
      }
      return END
    } catch (error) {
      close()
      throw error
    }
  }

  /** One step: what comes next on the connection, or a connection. */
  async function advance(): Promise<void> {
    let opened: Response | undefined
    try {
      if (status === 'open') await read()
      else opened = await open()
    } catch (error) {
      if (status !== 'closed') lose(error)
    }
    if (opened) onOpen?.(opened)
  }

  async function open(): Promise<Response | undefined> {
    const { signal } = (connection = new AbortController())
    if (!page) {
      // Without another connection to come, a page that goes to sleep takes its chances.
      page = watchPage(reconnect && pauseWhenHidden, () => reconnect && !isWaiting && connection.abort(sleeping))
      outer?.addEventListener('abort', close)
      if (outer?.aborted) close()
    }
    isWaiting = true
    await sleep(delay, signal)
    await unlessAborted(page.awake(), signal)
    isWaiting = false
    const { response } = await alive(request(target, cursor, signal))
    if (response.status === 204) {
      discard(response)
      end = {}
      return undefined
    }
    await unlessAborted(checkResponse(response), signal)
    signal.throwIfAborted()
    status = 'open'
    openedAt = performance.now()
    hasRefreshed = false
    parser = createStreamParser()
    reader = response.body?.getReader()
    return response
  }

  async function read(): Promise<void> {
    // A body that isn't there has ended.
    const { value } = reader ? await alive(reader.read()) : {}
    if (!value) throw new SseError('SSE_CLOSED', 'The stream ended')
    try {
      parser.feed(value)
    } catch (error) {
      end = { error }
    }
    queue.reverse()
    if (end) letGo()
  }

  function createStreamParser(): Parser {
    let resumedFrom = seen
    let isRepeated = false
    return createParser({
      lastEventId: cursor,
      maxBufferSize,
      onId(id) {
        if (id === END_ID) return void (end = {})
        isRepeated = resumedFrom !== '' && isAtOrBefore(id, resumedFrom)
        if (isRepeated) return
        resumedFrom = ''
        cursor = seen = id
      },
      onItem(item) {
        if (item.id === undefined || !isRepeated) queue.push({ item, cursor })
      },
      onRetry: (time) => (retry = time),
    })
  }

  /** Decides what follows a connection that is gone, or wasn't made. */
  function lose(reason: unknown): void {
    letGo(reason)
    const { code, response } = reason instanceof SseError ? reason : ({} as Partial<SseError>)
    if (!reconnect) return void (end = code === 'SSE_CLOSED' ? {} : { error: reason })
    const answer = response?.status ?? 0
    const isRefresh = answer === 401 && !hasRefreshed && typeof target.headers === 'function'
    if (response && !isRefresh && answer < 500 && ![408, 425, 429].includes(answer)) return void (end = { error: reason })
    const isSleep = reason === sleeping
    if (isSleep || performance.now() - openedAt >= times.resetAfter) attempt = 0
    openedAt = Infinity
    attempt++
    hasRefreshed ||= isRefresh
    // The server's word, and then spread: it may have told it to thousands in the same second.
    delay =
      isSleep || isRefresh ? 0 : ((response && retryAfter(response.headers)) ?? 0) + backoff(attempt, { ...times, min: retry ?? times.min })
    status = 'reconnecting'
    onReconnect?.({ attempt, delay, reason })
  }

  /** What the network gives, unless the connection is cut before, or silent for too long. */
  async function alive<T>(promise: Promise<T>): Promise<T> {
    const { signal } = connection
    const idle = (): void => connection.abort(new SseError('SSE_IDLE', `Nothing came for ${idleTimeout} ms`))
    const timer = idleTimeout > 0 ? later(idle, idleTimeout) : undefined
    try {
      return await unlessAborted(promise, signal)
    } finally {
      clearTimeout(timer)
    }
  }

  function letGo(reason?: unknown): void {
    connection.abort(reason)
    // For a body of another `fetch` than the signal's.
    reader?.cancel().catch(() => {})
    reader = undefined
  }

  function close(): void {
    status = 'closed'
    letGo()
    outer?.removeEventListener('abort', close)
    page?.stop()
  }

  // Calls of next() are answered one after the other, as a generator's would be; return() cuts in.
  let turn: Promise<unknown> = Promise.resolve()
  const iterator: AsyncIterator<ReceivedOf<E>, undefined> = {
    next() {
      const result = turn.then(next)
      turn = result.catch(() => {})
      return result
    },
    async return() {
      close()
      return END
    },
  }
  return {
    get lastEventId() {
      return lastEventId
    },
    get status() {
      return status
    },
    close,
    [Symbol.asyncIterator]: () => iterator,
  }
}
