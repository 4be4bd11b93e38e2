import { SseError } from '../errors.js'
import { brandOf } from '../protocol/brand.js'
import { formatValue, toJson } from '../protocol/format.js'
import type { SseItem } from '../protocol/item.js'

/** What is stored of an item; the id is that of a snapshot. */
export interface Fields {
  readonly data: string
  readonly event?: string
  readonly id?: string
}

/**
 * What is published, as text: strings as they are, objects as JSON, items with their event.
 *
 * @throws {SseError} SSE_INVALID_FIELD for what can't be stored, SSE_INVALID_DATA for what has no JSON.
 */
export function toFields(value: unknown, event?: string): Fields {
  const isItem = brandOf(value) !== undefined
  const item = (isItem ? value : { data: value }) as SseItem
  if (item.retry !== undefined || item.comment !== undefined) {
    throw new SseError('SSE_INVALID_FIELD', 'An item in a hub has `data` and `event`: leave out `retry` and `comment`')
  }
  if (item.data === undefined) throw new SseError('SSE_INVALID_DATA', '`data` must not be undefined: null is a value')
  // An item that names itself keeps its name.
  const name = isItem && item.event !== 'message' ? item.event : event
  if (name === 'gap') throw new SseError('SSE_INVALID_FIELD', '`event` must not be "gap": it tells readers what they missed')
  const data = typeof item.data === 'string' && brandOf(value) !== 'json' ? item.data : toJson(item.data)
  // For its checks: what is stored can be written.
  formatValue('', undefined, name)
  const fields = name === undefined || name === 'message' ? { data } : { data, event: name }
  return item.id === undefined ? fields : { ...fields, id: item.id }
}
