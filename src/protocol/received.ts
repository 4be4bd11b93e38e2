import { ITEM, type Brand } from './brand.js'
import type { SseItem } from './item.js'

/** What every reader yields. It is an SseItem, so that `sse(parseEventStream(response))` is a relay. */
export interface ReceivedItem<T = string, E extends string = string> extends SseItem<T, E> {
  /** The last event ID after this item: its own `id`, else the one before it on the stream. */
  readonly lastEventId: string
}

/**
 * What the parser makes of each item. Not by SseItem's constructor: that would check again what the parser has just established, and
 * freeze, which together cost three times the parsing of a short item. All fields are always set: one shape, one code path.
 */
export const Received = class {
  // Declared, not defined: a field of a class would be set twice.
  declare readonly data: string
  declare readonly event: string
  declare readonly id: string | undefined
  declare readonly retry: number | undefined
  declare readonly lastEventId: string

  constructor(data: string, event: string, id: string | undefined, retry: number | undefined, lastEventId: string) {
    this.data = data
    this.event = event
    this.id = id
    this.retry = retry
    this.lastEventId = lastEventId
  }

  get [Symbol.toStringTag](): 'SseItem' {
    return 'SseItem'
  }

  get [ITEM](): Brand {
    return 'item'
  }
  // `id?: string` of the contract, seen by readers as undefined or left out alike.
} as new (data: string, event: string, id: string | undefined, retry: number | undefined, lastEventId: string) => ReceivedItem
