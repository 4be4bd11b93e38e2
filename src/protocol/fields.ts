import { SseError } from '../errors.js'

// What each field may hold, asked of `type:value`: one test per field for both.
const RULES = {
  event: [/^string:[^\r\n]*$/, 'a string without CR or LF, with data'],
  id: [/^(string:|bigint:|number:-?\d)[^\r\n\0]*$/, 'a string without NUL, CR or LF'],
  retry: [/^number:\d{1,16}$/, 'a whole number'],
  comment: [/^string:/, 'a string'],
} as const

/** A field's value as it is written. @throws {SseError} SSE_INVALID_FIELD. */
export function checkField(name: keyof typeof RULES, value: unknown): string {
  const [rule, expected] = RULES[name]
  // An object is refused unasked: it may have no text, or another one the next time.
  // oxlint-disable-next-line typescript/no-base-to-string -- not an object
  const text = typeof value === 'object' ? '' : String(value)
  if (!rule.test(`${typeof value}:${text}`)) throw new SseError('SSE_INVALID_FIELD', mustBe(name, expected, value))
  return text
}

/** The words of every refusal: what it is about, what would be right, what it was. */
export function mustBe(name: string, expected: string, value: unknown): string {
  return `\`${name}\` must be ${expected}: ${show(value)}`
}

/** A value for an error message: short, on one line, whatever it is. */
export function show(value: unknown): string {
  // oxlint-disable-next-line typescript/no-base-to-string -- not an object
  const text = typeof value === 'object' ? {}.toString.call(value) : typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.slice(0, 80)
}
