import type { SseError } from '../errors.js'
import { brandOf } from '../protocol/brand.js'
import { show } from '../protocol/fields.js'
import { SseItem } from '../protocol/item.js'
import { Received, type ReceivedItem } from '../protocol/received.js'
import { typerOf } from '../protocol/typed.js'
import type { Fields } from './fields.js'
import type { Frame } from './frame.js'

export interface ToItem {
  /** A frame as a loop gets it; `undefined` when its event is none of the hub's. */
  (frame: Frame, id: string | undefined): unknown
  /** For what is published. @throws {SseError} SSE_UNKNOWN_EVENT, SSE_INVALID_DATA; {TypeError} for what isn't one of the hub's items. */
  check(data: unknown, fields: Fields): void
}

/** What a hub's readers get: items with text, or with the data of a `defineEvents()` map. */
export function itemsOf(events: object | undefined): ToItem {
  if (!events) return Object.assign(textItem, { check() {} })
  const type = typerOf(events)
  if (!type) throw new TypeError('`events` must be what defineEvents() made')
  return Object.assign((frame: Frame, id: string | undefined) => type(received(frame, id)), {
    check(data: unknown, { data: text, event = 'message' }: Fields) {
      if (brandOf(data) !== 'json') throw new TypeError(`This hub has \`events\`: publish events.item(event, data), not ${show(data)}`)
      type(new Received(text, event, undefined, undefined, ''), (error: SseError) => {
        throw error
      })
    },
  })
}

function textItem({ fields }: Frame, id: string | undefined): SseItem<string> | undefined {
  return fields && new SseItem(fields.data, { event: fields.event, id })
}

function received({ fields }: Frame, id: string | undefined): ReceivedItem {
  return new Received(fields?.data ?? '', fields?.event ?? 'message', id, undefined, id ?? '')
}
