import { ITEM, type Brand } from './brand.js'
import { checkField, show } from './fields.js'
import { SseItem, type SseFields } from './item.js'
import type { ReceivedItem } from './received.js'
import { validate, type StandardSchema } from './schema.js'
import { unknownEvent, withTyper } from './typed.js'

export type { StandardSchema }

/** The events of a stream, by name. `Out`: what `item()` sends and readers get, always as JSON; `In`: what `item()` takes. */
export interface Events<Out = unknown, In = Out> {
  /**
   * A typed item: its data is validated now and sent as JSON, strings included.
   *
   * @throws {SseError} SSE_UNKNOWN_EVENT, or SSE_INVALID_DATA with the schema's words.
   * @throws {TypeError} when the schema is asynchronous.
   */
  item<K extends keyof In & keyof Out & string>(event: K, data: In[K], fields?: Omit<SseFields, 'event'>): SseItem<Out[K], K>
  /** For types only. */
  readonly '~out': Out
}

/** Told in-band, as `event: gap`, when a client missed something that can't be sent again. */
export interface Gap {
  readonly topics: readonly string[]
  readonly reason: 'expired' | 'epoch' | 'unknown-id' | 'topics' | 'dropped'
  readonly from: string
  readonly to: string
}

/** What `events.item()` makes: a union discriminated by `event`. */
export type ItemOf<E> = E extends { '~out': infer O } ? { [K in keyof O & string]: SseItem<O[K], K> }[keyof O & string] : never

/** What a reader of these events gets: the same union as received items, and `gap`. */
export type ReceivedOf<E> = E extends { '~out': infer O }
  ? { [K in keyof O & string]: ReceivedItem<O[K], K> }[keyof O & string] | ReceivedItem<Gap, 'gap'>
  : ReceivedItem

/**
 * One map of event names to schemas, shared by server and client. `gap` is reserved.
 *
 * @example const events = defineEvents({ stock: z.object({ sku: z.string(), left: z.number() }) })
 * @throws {TypeError} when a value is no schema; {SseError} SSE_INVALID_FIELD when a name can't be sent.
 */
export function defineEvents<const M extends Record<string, StandardSchema> & { gap?: never }>(
  schemas: M,
): Events<
  { [K in keyof M]: M[K] extends StandardSchema<unknown, infer O> ? O : never },
  { [K in keyof M]: M[K] extends StandardSchema<infer I, unknown> ? I : never }
> {
  const known = new Map<string, StandardSchema>()
  for (const [event, schema] of Object.entries(schemas as Record<string, StandardSchema>)) {
    checkField('event', event)
    if (event === 'gap') throw new TypeError('`gap` is reserved for what a client missed: choose another event name')
    if (typeof schema?.['~standard']?.validate !== 'function')
      throw new TypeError(`\`${event}\` must have a Standard Schema (zod, valibot, arktype, unchecked<T>()): ${show(schema)}`)
    known.set(event, schema)
  }

  const events = {
    item(event: string, data: unknown, fields?: Omit<SseFields, 'event'>): SseItem {
      const schema = known.get(event)
      if (!schema) throw unknownEvent(event, known)
      return new JsonItem(validate(event, schema, data), { ...fields, event })
    },
    ...withTyper(known),
  }
  return events as never
}

/** An item whose data is always sent as JSON, strings included: what `item()` makes. */
class JsonItem<T, E extends string> extends SseItem<T, E> {
  constructor(data: T, fields: SseFields<E>) {
    super(data, fields)
    Object.freeze(this)
  }

  /** @internal */
  override get [ITEM](): Brand {
    return 'json'
  }
}

/** A schema for T that checks nothing: types only. */
export function unchecked<T>(): StandardSchema<T> {
  return { '~standard': { version: 1, vendor: 'server-sent', validate: (value) => ({ value: value as T }) } }
}
