import { SseError } from '../errors.js'

// What each field of an item may hold. Asked by `new SseItem()` so that the mistake is found where it is made, and by `formatItem()`
// so that nothing else gets on the wire.

export function checkEvent(event: unknown, data: unknown): string {
  check(isLine(event), 'event', 'a string without CR or LF', event)
  check(data !== undefined, 'event', 'left out of an item without data', event)
  return event as string
}

export function toId(id: unknown): string {
  const text = typeof id === 'bigint' || Number.isFinite(id) ? String(id) : id
  check(isLine(text) && !text.includes('\0'), 'id', 'a number, or a string without CR, LF or NUL', id)
  return text as string
}

export function checkRetry(retry: unknown): number {
  check(Number.isSafeInteger(retry) && (retry as number) >= 0, 'retry', 'a whole number of milliseconds >= 0', retry)
  return retry as number
}

export function checkComment(comment: unknown): string {
  check(typeof comment === 'string', 'comment', 'a string', comment)
  return comment as string
}

function isLine(text: unknown): text is string {
  return typeof text === 'string' && !/[\r\n]/.test(text)
}

function check(valid: boolean, field: string, expected: string, value: unknown): void {
  if (!valid) throw new SseError('SSE_INVALID_FIELD', mustBe(field, expected, value))
}

/** The words of every refusal: what it is about, what would be right, what it was. */
export function mustBe(name: string, expected: string, value: unknown): string {
  return `\`${name}\` must be ${expected}: ${show(value)}`
}

/** A value for an error message: short, on one line, whatever it is. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : typeof value === 'object' ? {}.toString.call(value) : String(value)
  return text.slice(0, 80)
}
