import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { formatItem } from '../protocol/format.js'
import { END_ID } from '../protocol/headers.js'
import { whenAborted } from '../util/abort.js'
import type { Chunk, Feed, FeedSink } from './feed.js'
import { onGone } from './gone.js'
import { rawSocketOf, takesDirectly, writeDirectly, type NodeRequest, type NodeResponse } from './node-raw.js'
import type { Settings } from './options.js'

// How many milliseconds the last bytes may take when the feed is over.
const PATIENCE = 5000

// Written to the socket's queue, it is through when all that went past the queue before it is.
const NOTHING = new Uint8Array(0)

// How the listeners that all responses share find what is theirs.
const CONNECTION: unique symbol = Symbol('connection')

type Fed = NodeResponse & { [CONNECTION]?: NodeFeed }

/**
 * A feed on its way to a Node response whose head has been written. Resolves when it is over. `linger`: how many milliseconds the last
 * bytes may take when the server ends the stream.
 */
export function sendFeed(req: NodeRequest, res: NodeResponse, feed: Feed, settings: Settings, linger: number): Promise<void> {
  return new Promise((resolve) => {
    new NodeFeed(res, feed, settings, linger, resolve).begin(req, settings)
  })
}

/**
 * A class whose listeners are shared, because there are tens of thousands of them and most have nothing to do: what each of them holds is
 * what one machine can't carry of others.
 */
class NodeFeed implements FeedSink {
  readonly #res: NodeResponse
  readonly #feed: Feed
  readonly #onError: (error: unknown) => void
  readonly #reconnect: boolean
  readonly #linger: number
  #resolve: (() => void) | undefined
  /** What chunks are written to; null when the response has been ended, by whomever. */
  #raw: Socket | null | undefined
  /** Nothing of ours waits in the socket's queue: from now on chunks go past it. */
  #isDirect = false
  #lags = false
  #offGone: (() => void) | undefined
  #offSignal: (() => void) | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(res: NodeResponse, feed: Feed, { onError, reconnect }: Settings, linger: number, resolve: () => void) {
    this.#res = res
    this.#feed = feed
    this.#onError = onError
    this.#reconnect = reconnect
    this.#linger = linger
    this.#resolve = resolve
  }

  begin(req: NodeRequest, { retry, signal, keepAlive }: Settings): void {
    const res = this.#res as ServerResponse
    if (req.httpVersionMajor === 1 && res.socket === req.socket && !res.destroyed) {
      ;(res as Fed)[CONNECTION] = this
      res.on('close', gone)
      // A write that crosses the client's leaving: `close` follows.
      res.on('error', noop)
    } else this.#offGone = onGone(req, res, () => this.gone())
    // Headers without a body would wait in many a proxy and framework.
    this.#writeText(formatItem({ comment: '', retry }))
    this.#raw = rawSocketOf(req, res)
    if (this.#raw) res.on('prefinish', cut)
    if (signal) this.#offSignal = whenAborted(signal, () => this.#stop())
    if (this.#resolve) this.#feed.attach(this, keepAlive)
  }

  /**
   * Not through `res.write()`, which would frame the same bytes again for each of thousands of responses. Nor is the response asked each
   * time whether it has ended, it tells: whatever is looked at here is fetched from memory once more for each of them.
   */
  write(chunk: Chunk): boolean {
    const raw = this.#raw
    if (raw === null) return true
    if (!raw) return this.#writeText(chunk.bytes)
    if (this.#isDirect || (this.#isDirect = takesDirectly(raw))) {
      return writeDirectly(raw, chunk.framed) || this.#lag((drained) => raw.write(NOTHING, drained))
    }
    // False says only that much was written at once; when the kernel has taken all of it, nobody has to wait.
    return raw.write(chunk.framed) || raw.writableLength === 0 || this.#lag((drained) => raw.once('drain', drained))
  }

  end(): void {
    const res = this.#res as ServerResponse
    if (!this.#reconnect && this.#raw !== null) this.#writeText(formatItem({ id: END_ID }))
    res.end()
    // A client that doesn't read must not keep what it still has to take for ever.
    this.#destroyAfter(PATIENCE)
  }

  fail(error: unknown): void {
    new Promise((resolve) => resolve(this.#onError(error))).catch(console.error)
    this.#res.end()
    this.#destroyAfter(PATIENCE)
  }

  drop(): void {
    this.#res.destroy()
  }

  cut(): void {
    this.#raw = null
  }

  gone(): void {
    const resolve = this.#resolve
    if (!resolve) return
    this.#resolve = undefined
    this.#raw = null
    this.#offGone?.()
    this.#offSignal?.()
    clearTimeout(this.#timer)
    this.#feed.return()
    resolve()
  }

  #writeText(text: string | Uint8Array): boolean {
    const res = this.#res as ServerResponse
    const takesMore = res.write(text)
    // Compression middleware holds small writes back until it is told.
    if ('flush' in res && typeof res.flush === 'function') res.flush()
    return takesMore || this.#lag((drained) => res.once('drain', drained))
  }

  #lag(whenDrained: (drained: () => void) => void): false {
    if (!this.#lags) {
      whenDrained(() => {
        this.#lags = false
        this.#feed.drained()
      })
    }
    this.#lags = true
    return false
  }

  /** The server stops: a client that doesn't read must not hold it up. */
  #stop(): void {
    this.#feed.return()
    this.#res.end()
    this.#destroyAfter(this.#linger)
  }

  #destroyAfter(time: number): void {
    // Gone meanwhile: nothing to wait for.
    if (this.#resolve) this.#timer ??= setTimeout(() => this.#res.destroy(), time)
  }
}

function gone(this: Fed): void {
  this[CONNECTION]?.gone()
}

/** `end()` has written the last chunk: what came after it would be the beginning of another response. */
function cut(this: Fed): void {
  this[CONNECTION]?.cut()
}

function noop(): void {}
