import { formatItem, type Serialize } from '../protocol/format.js'
import { mustBe } from '../protocol/fields.js'
import type { HeadersLike } from '../protocol/headers.js'
import type { Opt } from '../protocol/item.js'

/** Which other origins may read the stream. OPTIONS is answered; Last-Event-ID, Authorization, Cache-Control and Content-Type are allowed. */
export type Cors = Opt<{
  /** `'*'`, an origin like `https://shop.example`, a list of them, or a function that decides. @default none */
  origin: string | readonly string[] | ((origin: string) => boolean)
  /** Whether cookies may come along: then `origin` can't be `'*'`. @default false */
  credentials: boolean
}>

export interface SseOptions extends Opt<{
  /** The event type of items that don't name one themselves. @default none, which readers see as `message` */
  event: string
  /** The reconnection time in milliseconds, told to the client before the first item. @default the client's own (a few seconds) */
  retry: number
  /** A comment is sent when nothing else was for so many milliseconds: proxies keep the connection, dead clients are noticed. 0 is off. @default 15_000 */
  keepAlive: number
  /** More response headers. They override ours, but for the content type. */
  headers: HeadersLike
  /** Ends the stream from the server's side. */
  signal: AbortSignal
  /** Turns data that isn't a string into text. @default JSON.stringify */
  serialize: Serialize
  /**
   * Whether clients may come back when the source has ended by itself. With `false` they are told to stay away: a last block has a
   * reserved id, and who comes back with it gets 204, which closes an EventSource. @default true
   */
  reconnect: boolean
  /** Gets the error of a source that fails in mid-stream; the client sees the stream end, and no word of it. @default console.error */
  onError: (error: unknown) => void
  /** Which other origins may read the stream. @default none */
  cors: Cors
}> {}

export interface OpenOption {
  /**
   * When the answer begins: at once, so that `onopen` fires, or with the first item, so that a source that fails before it still
   * gets an error status. @default 'at-once'
   */
  open?: 'at-once' | 'first-item' | undefined
}

export type Settings = SseOptions &
  OpenOption & { readonly keepAlive: number; readonly reconnect: boolean; readonly onError: (error: unknown) => void }

// A value of each option's type, whatever it is.
const LIKE = { event: '', retry: 0, keepAlive: 0, headers: {}, serialize: String, reconnect: true, onError: String, cors: {} }

/** Checks options that may come from plain JavaScript. @throws {TypeError} that names the option; {SseError} for `event` and `retry`. */
export function settingsOf(options: SseOptions & OpenOption): Settings {
  for (const name in LIKE) {
    const option = name as keyof typeof LIKE
    const type = typeof LIKE[option]
    const value = options[option]
    check(value === undefined || typeof value === type, option, type, value)
  }
  const { event, retry, cors, open, signal, keepAlive = 15_000, reconnect = true, onError = console.error } = options
  formatItem({ data: '', event, retry })
  // What setTimeout takes.
  check(keepAlive >= 0 && keepAlive < 2 ** 31, 'keepAlive', '>= 0', keepAlive)
  // By shape: a controller in its place is a likely slip.
  check(!signal || signal.aborted !== undefined, 'signal', 'an AbortSignal', signal)
  check(!open || open === 'first-item' || open === 'at-once', 'open', 'at-once or first-item', open)
  if (cors) {
    const origins = [cors.origin].flat()
    // Browsers refuse '*' with credentials, and echoing any origin instead would hand every site the user's cookies.
    const valid = origins.every((one) => typeof one === 'function' || (typeof one === 'string' && !(cors.credentials && one === '*')))
    check(valid, 'cors.origin', "strings or a function, not '*' with credentials", cors.origin)
  }
  return { ...options, keepAlive, reconnect, onError }
}

function check(valid: boolean, option: string, expected: string, value: unknown): void {
  if (!valid) throw new TypeError(mustBe(option, expected, value))
}
