import type { EventStream } from 'server-sent/client'
import { ShopError, isShopError } from './api.js'
import { createSlottedFetch } from './slots.js'

/** How near to now what a page shows is. */
export type LiveState =
  | { readonly name: 'opening' | 'live' | 'reconnecting' | 'paused' | 'stopped' }
  /** Other windows have all streams: asked for every few seconds meanwhile. */
  | { readonly name: 'asking' }
  /** There is no data; tried again at `at` (by the page's clock). */
  | { readonly name: 'unavailable'; readonly error: ShopError; readonly at: number }
  /** It won't get better by itself. */
  | { readonly name: 'failed'; readonly error: ShopError }

/** What a stream of `connect()` must be opened with. */
export interface Hooks {
  readonly lastEventId: string
  readonly pauseWhenHidden: true
  readonly reconnect: { readonly min: number; readonly max: number }
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  readonly onOpen: () => void
  readonly onReconnect: () => void
}

export interface LiveOptions<I> {
  /** Reads the data and shows it. Returns the position to follow it from. */
  load(signal: AbortSignal): Promise<string>
  open(hooks: Hooks): EventStream<I>
  onItem(item: I): void
  onState(state: LiveState): void
}

export interface Live {
  readonly state: LiveState
  /** Loads and follows from the beginning, also when what is to be followed has changed. */
  start(): void
  stop(): void
}

const ASK_EVERY = 3_000

/**
 * Data and its changes as one thing: load, follow from the position of what was loaded, and load anew where something can't be
 * resumed. What is shown is never older than what was shown before.
 */
export function createLive<I extends { readonly event: string }>({ load, open, onItem, onState }: LiveOptions<I>): Live {
  let state: LiveState = { name: 'stopped' }
  let run = new AbortController()
  let isOpen = false

  function enter(next: LiveState): void {
    state = next
    onState(next)
  }

  async function loop(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      try {
        const from = await load(signal)
        signal.throwIfAborted()
        const begun = performance.now()
        await follow(from, signal)
        // A stream that ends or gaps at once, time and again, must not become a loop without a breath.
        failures = performance.now() - begun > 5_000 ? 0 : failures + 1
        if (failures > 1) await wait(500 * failures, signal)
      } catch (reason) {
        if (signal.aborted) return
        const error = toShopError(reason)
        if (!error.passes) return enter({ name: 'failed', error })
        const delay = Math.max(error.retryAfter ?? 0, Math.min(10_000, 1_000 * 2 ** failures++))
        enter({ name: 'unavailable', error, at: Date.now() + delay })
        await wait(delay, signal).catch(() => {})
      }
    }
  }

  /** Until the data has to be loaded anew. */
  async function follow(lastEventId: string, signal: AbortSignal): Promise<void> {
    let asking: ReturnType<typeof setInterval> | undefined
    isOpen = false
    // A first connection that takes no time is no news.
    if (document.hidden) enter({ name: 'paused' })
    const items = open({
      lastEventId,
      pauseWhenHidden: true,
      reconnect: { min: 500, max: 8_000 },
      fetch: createSlottedFetch((waiting) => {
        clearInterval(asking)
        if (!waiting || signal.aborted) return
        enter({ name: 'asking' })
        asking = setInterval(() => void load(signal).catch(() => {}), ASK_EVERY)
      }),
      onOpen() {
        isOpen = true
        enter({ name: 'live' })
      },
      onReconnect() {
        isOpen = false
        clearInterval(asking)
        if (state.name !== 'asking') enter({ name: document.hidden ? 'paused' : 'reconnecting' })
      },
    })
    const close = (): void => items.close()
    signal.addEventListener('abort', close)
    try {
      for await (const item of items) {
        if (item.event === 'gap') return
        onItem(item)
      }
    } finally {
      clearInterval(asking)
      signal.removeEventListener('abort', close)
    }
  }

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && state.name === 'paused') enter({ name: isOpen ? 'live' : 'opening' })
    if (document.hidden && (state.name === 'live' || state.name === 'opening')) enter({ name: 'paused' })
  })
  // The wait may be long; the network's being back is the best moment to try.
  addEventListener('online', () => state.name === 'unavailable' && live.start())

  const live: Live = {
    get state() {
      return state
    },
    start() {
      run.abort()
      run = new AbortController()
      if (state.name === 'stopped' || state.name === 'failed' || state.name === 'unavailable') enter({ name: 'opening' })
      void loop(run.signal)
    },
    stop() {
      run.abort()
      enter({ name: 'stopped' })
    },
  }
  return live
}

function toShopError(reason: unknown): ShopError {
  if (isShopError(reason)) return reason
  const { response, message } = reason as { response?: { status: number; body: string }; message: string }
  // No answer of the shop's: a fault of the page, or data that it can't read.
  if (!response) console.error(reason)
  let words: unknown
  try {
    words = (JSON.parse(response?.body ?? '') as { message?: unknown }).message
  } catch {
    // No words of the server's.
  }
  const fallback = response ? message : 'Something went wrong on this page'
  return new ShopError(response?.status ?? 0, 'STREAM', typeof words === 'string' ? words : fallback)
}

function wait(delay: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, delay)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        reject(signal.reason as Error)
      },
      { once: true },
    )
  })
}
