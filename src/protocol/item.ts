import { brandOf, ITEM, type Brand } from './brand.js'
import { formatItem } from './format.js'

/** Every property of T may also be `undefined`, so that options can be passed through as they came. */
export type Opt<T> = { [K in keyof T]?: T[K] | undefined }

/** The fields of an item beside its data. */
export interface SseFields<E extends string = string> extends Opt<{
  /** The event type; a reader without one sees `message`. No CR, no LF. */
  event: E
  /** Becomes the reader's last event ID; `''` resets it. No CR, LF or NUL. */
  id: string | number | bigint
  /** The reconnection time in milliseconds: a whole number >= 0. */
  retry: number
  /** Written as comment lines before the fields; readers ignore it. */
  comment: string
}> {}

/**
 * One item of an event stream: its data, and the fields `event`, `id`, `retry` and `comment`.
 *
 * Immutable. `data: undefined` writes no data line: a block with an id only (it moves the reader's cursor), a `retry` only, or
 * a comment only; such a block can't have an `event`, because readers dispatch nothing for it.
 *
 * @throws {SseError} SSE_INVALID_FIELD for CR or LF in `event` or `id`, NUL in `id`, a `retry` that is no whole number >= 0.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export class SseItem<T = unknown, E extends string = string> {
  declare readonly data: T
  /** `'message'` when none was given. */
  declare readonly event: E
  declare readonly id?: string
  declare readonly retry?: number
  declare readonly comment?: string

  constructor(data: T, fields?: SseFields<E>) {
    const { event, id, retry, comment } = fields ?? {}
    // For its checks: the one writer knows what can be written.
    formatItem({ event, id, retry, comment, data: data === undefined ? data : '' })
    this.data = data
    this.event = event ?? ('message' as E)
    if (id !== undefined) this.id = String(id)
    if (retry !== undefined) this.retry = retry
    if (comment !== undefined) this.comment = comment
    // A name that was given is written, even the default one, as .NET does.
    if (event === 'message' && this[ITEM] === 'item') Object.defineProperty(this, ITEM, { value: 'named' satisfies Brand })
    // A subclass has fields of its own still to set.
    if (new.target === SseItem) Object.freeze(this)
  }

  /** By the registered symbol: items of another copy of this package, and those that a reader yields, are items too. */
  static [Symbol.hasInstance](value: unknown): value is SseItem {
    return brandOf(value) !== undefined
  }

  get [Symbol.toStringTag](): 'SseItem' {
    return 'SseItem'
  }

  /** @internal */
  get [ITEM](): Brand {
    return 'item'
  }
}
