import { SseError } from '../errors.js'
import { show } from './fields.js'

/** Names and patterns that a subscription follows or a grant allows. */
export type Topics = string | Pattern | readonly (string | Pattern)[]

/** One of them: a string is always one exact name. */
export type Selector = string | Pattern

// Registered, so that the pattern of another copy of this package is one; a symbol, so that nothing parsed from outside can be one.
const PATTERN: unique symbol = Symbol.for('server-sent.pattern') as never

const LONGEST = 255
const NAME = /^[\w.~:@=+,!$-]+(\/[\w.~:@=+,!$-]+)*$/
const DOTS = /(^|\/)\.\.?(\/|$)/
const WHAT = `1 to ${LONGEST} characters of A-Z a-z 0-9 - _ . ~ : @ = + , ! $ in segments between slashes, no segment "." or ".."`

/** Made by `pattern()` alone: text from outside can never become a wildcard. */
export class Pattern {
  readonly text: string
  readonly #regExp: RegExp

  /** @internal Use `pattern()`. */
  constructor(text: string) {
    this.text = text
    const segments = text.split('/').map((segment) => {
      if (segment === '**') return '.+'
      return segment === '*' ? '[^/]+' : segment.replace(/[.+$]/g, '\\$&')
    })
    this.#regExp = new RegExp(`^${segments.join('/')}$`)
    Object.freeze(this)
  }

  matches(topic: string): boolean {
    return this.#regExp.test(topic)
  }

  toString(): string {
    return this.text
  }

  get [Symbol.toStringTag](): 'Pattern' {
    return 'Pattern'
  }

  /** @internal */
  get [PATTERN](): true {
    return true
  }
}

/**
 * Topics by wildcard: `*` is one segment, a last `**` is all the rest (one segment or more). `pattern('stock/*')` follows `stock/1` and
 * `stock/2`, also when they are born later, but neither `stock` nor `stock/1/price`.
 *
 * @throws {SseError} SSE_INVALID_TOPIC.
 */
export function pattern(text: string): Pattern {
  const names = typeof text === 'string' && text.length <= LONGEST ? text.split('/') : []
  const last = names.length - 1
  if (names.length > 0 && names.every((name, at) => name === '*' || (name === '**' && at === last) || isTopic(name)))
    return new Pattern(text)
  throw new SseError(
    'SSE_INVALID_TOPIC',
    `A pattern is a topic name in which whole segments may be \`*\`, and the last one \`**\`: ${show(text)}. A topic is ${WHAT}`,
  )
}

export function isPattern(value: unknown): value is Pattern {
  return typeof value === 'object' && value !== null && (value as { [PATTERN]?: true })[PATTERN] === true
}

function isTopic(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LONGEST && NAME.test(value) && !DOTS.test(value)
}

/** @throws {SseError} SSE_INVALID_TOPIC that says what a name may hold. */
export function checkTopic(topic: unknown): string {
  if (isTopic(topic)) return topic
  const remedy = typeof topic === 'string' && topic.includes('*') ? '; for wildcards use pattern()' : ''
  throw new SseError('SSE_INVALID_TOPIC', `Not a topic: ${show(topic)}. A topic is ${WHAT}${remedy}`)
}

/** Each once, in one order: two subscriptions to the same topics are the same. @throws {SseError} SSE_INVALID_TOPIC, also for none. */
export function selectorsOf(topics: Topics): readonly Selector[] {
  const list = Array.isArray(topics) ? (topics as readonly Selector[]) : [topics as Selector]
  if (list.length === 0) throw new SseError('SSE_INVALID_TOPIC', 'No topic: name at least one')
  const byKey = new Map(list.map((one) => [keyOf(one), isPattern(one) ? one : checkTopic(one)]))
  return [...byKey.keys()].sort().map((key) => byKey.get(key) as Selector)
}

/** Tells a name from a pattern of the same text. */
export function keyOf(selector: Selector): string {
  return isPattern(selector) ? `?${selector.text}` : selector
}

/** Whether one of the selectors names or matches the topic. */
export function selects(selectors: readonly Selector[], topic: string): boolean {
  return selectors.some((one) => (typeof one === 'string' ? one === topic : one.matches(topic)))
}
