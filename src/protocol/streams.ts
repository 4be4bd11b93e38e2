import { formatValue, type Serialize } from './format.js'
import { createParser, type ParseOptions } from './parse.js'
import type { ReceivedItem } from './received.js'

/**
 * Bytes or strings of an event stream in, its items out: `response.body.pipeThrough(new SseDecoderStream())`.
 *
 * The stream errors with SSE_BUFFER_LIMIT when an item grows beyond `maxBufferSize`.
 */
export class SseDecoderStream extends TransformStream<Uint8Array | string, ReceivedItem> {
  constructor(options?: ParseOptions) {
    let onItem: (item: ReceivedItem) => void
    const parser = createParser({ ...options, onItem: (item) => onItem(item) })
    super({
      start(controller) {
        onItem = (item) => controller.enqueue(item)
      },
      transform: (chunk) => parser.feed(chunk),
      flush: () => parser.end(),
    })
  }
}

/**
 * Items in, bytes of an event stream out: a string is sent as it is, an SseItem with its fields, anything else as JSON.
 *
 * The stream errors with SSE_INVALID_DATA for a value without JSON, bytes included.
 */
export class SseEncoderStream extends TransformStream<unknown, Uint8Array> {
  constructor(options?: { serialize?: Serialize | undefined }) {
    const encoder = new TextEncoder()
    super({
      transform(value, controller) {
        controller.enqueue(encoder.encode(formatValue(value, options?.serialize)))
      },
    })
  }
}
