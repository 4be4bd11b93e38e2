import { SseError } from '../errors.js'
import { ITEM, type Brand } from './brand.js'
import { show } from './fields.js'
import { Received, type ReceivedItem } from './received.js'
import { validate, type StandardSchema } from './schema.js'

/** Hears of an item that is skipped: an unknown event, or data that isn't JSON or that its schema refuses. */
export type OnInvalid = (error: SseError, item: ReceivedItem) => void

/** An item as it came to one of a `defineEvents()` map, or nothing if it is skipped. */
export type Typer = (item: ReceivedItem, onInvalid?: OnInvalid) => ReceivedItem<unknown> | undefined

// The map brings its own reader: a client that has no map doesn't load it. Registered, so that the map may be one of another copy
// of this package.
const TYPER: unique symbol = Symbol.for('server-sent.typer') as never

/** What reads the items of a `defineEvents()` map; `undefined` for anything else. */
export function typerOf(events: object): Typer | undefined {
  return (events as { [TYPER]?: Typer })[TYPER]
}

/** For the map. Without `onInvalid` an unknown event is skipped without a word, and invalid data throws. */
export function withTyper(schemas: ReadonlyMap<string, StandardSchema>): { [TYPER]: Typer } {
  return {
    [TYPER](item, onInvalid) {
      const { event, id, retry, lastEventId } = item
      const schema = schemas.get(event)
      try {
        // What a server tells in-band of a hole belongs to every stream.
        if (schema || event === 'gap') {
          const data = parse(item)
          return new Typed((schema ? validate(event, schema, data) : data) as string, event, id, retry, lastEventId)
        }
        if (onInvalid) throw unknownEvent(event, schemas)
      } catch (error) {
        if (!onInvalid || !(error instanceof SseError)) throw error
        onInvalid(error, item)
      }
      return undefined
    },
  }
}

export function unknownEvent(event: string, schemas: ReadonlyMap<string, StandardSchema>): SseError {
  return new SseError('SSE_UNKNOWN_EVENT', `${show(event)} is not one of the events ${[...schemas.keys()].join(', ')}`)
}

function parse({ event, data }: ReceivedItem): unknown {
  try {
    return JSON.parse(data)
  } catch (cause) {
    throw new SseError('SSE_INVALID_DATA', `Invalid data for \`${event}\`, it is not JSON: ${show(data)}`, { cause })
  }
}

/** Always sent as JSON, strings included, so that a relay sends what it got. */
class Typed extends Received {
  /** @internal */
  override get [ITEM](): Brand {
    return 'json'
  }
}
