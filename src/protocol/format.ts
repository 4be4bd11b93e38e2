import { SseError } from '../errors.js'
import { brandOf } from './brand.js'
import { checkField, mustBe } from './fields.js'
import type { SseFields, SseItem } from './item.js'

/** Turns data into text. It must return a string; what it throws becomes SSE_INVALID_DATA. */
export type Serialize = (data: unknown) => string

type AnyItem = SseItem | (SseFields & { data?: unknown })

const LINE_END = /\r\n|\r|\n/g

/**
 * The wire text of one item: comment, `event`, `data`, `id`, `retry`, blank line; LF only.
 *
 * A string is sent as it is, split into one `data:` line per line of it; other data as JSON (or what `serialize` makes of it).
 * Every field is checked here, whatever made the item: this function and `formatComment` are the only writers of wire text.
 *
 * @throws {SseError} SSE_INVALID_FIELD, or SSE_INVALID_DATA when the data has no JSON.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export function formatItem(item: AnyItem, serialize?: Serialize): string
/** @internal `defaultEvent` names an item with data that doesn't name itself. */
export function formatItem(item: AnyItem, serialize?: Serialize, defaultEvent?: string): string
export function formatItem(item: AnyItem, serialize?: Serialize, defaultEvent?: string): string {
  // Read once: what was checked is what is written, even from an object with getters.
  const { data, event, id, retry, comment } = item
  const brand = brandOf(item)
  const isUnnamed = brand === 'item' && event === 'message'
  const name = isUnnamed ? (data === undefined ? data : defaultEvent) : event
  let text = ''
  if (comment !== undefined) text += checkField('comment', comment) ? lines(': ', comment) : ':\n'
  // Readers dispatch nothing for an item without data: its name would be lost.
  if (name !== undefined) text += `event: ${checkField('event', data === undefined ? data : name)}\n`
  if (data !== undefined) text += lines('data: ', typeof data === 'string' && brand !== 'json' ? data : toJson(data, serialize))
  if (id !== undefined) text += `id: ${checkField('id', id)}\n`
  if (retry !== undefined) text += `retry: ${checkField('retry', retry)}\n`
  return text + '\n'
}

/**
 * A comment block: readers ignore it, proxies see traffic. Line breaks in the text become comment lines, so that nothing in it
 * can become a field.
 */
export function formatComment(text = ''): string {
  return formatItem({ comment: text })
}

/** The wire text of anything that may be yielded. `event` names the items with data that don't name themselves. */
export function formatValue(value: unknown, serialize?: Serialize, event?: string): string {
  // `undefined` as an item's data would be no data, and what has no JSON is refused.
  const item = brandOf(value) ? (value as SseItem) : { data: value ?? toJson(value, serialize), event }
  return formatItem(item, serialize, event)
}

/** Each line of the text as a line that begins with `start`. */
function lines(start: string, text: string): string {
  // Two scans of mostly short text are cheaper than a regular expression that finds nothing.
  const isOne = !text.includes('\n') && !text.includes('\r')
  return start + (isOne ? text : text.replace(LINE_END, '\n' + start)) + '\n'
}

/** Data as JSON, or what `serialize` makes of it. @throws {SseError} SSE_INVALID_DATA. */
export function toJson(data: unknown, serialize?: Serialize): string {
  let cause: unknown
  try {
    // JSON of bytes would be {"0":72,"1":105}: never what was meant.
    const isBytes = ArrayBuffer.isView(data) || data instanceof ArrayBuffer
    const text: unknown = serialize ? serialize(data) : !isBytes && JSON.stringify(data)
    if (typeof text === 'string') return text
  } catch (error) {
    cause = error
  }
  throw new SseError('SSE_INVALID_DATA', mustBe('data', 'JSON: use `serialize`, or parseEventStream() for bytes', data), { cause })
}
