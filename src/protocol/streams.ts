import { formatValue, type Serialize } from './format.js'
import { createParser, type ParseOptions } from './parse.js'
import type { ReceivedItem } from './received.js'

/**
 * Bytes or strings of an event stream in, its items out: `response.body.pipeThrough(new SseDecoderStream())`.
 *
 * The stream errors with SSE_BUFFER_LIMIT when an item grows beyond `maxBufferSize`; items that came before are read first.
 */
export class SseDecoderStream extends TransformStream<Uint8Array | string, ReceivedItem> {
  constructor(options?: ParseOptions) {
    let onItem: (item: ReceivedItem) => void
    let isRead = false
    let failure: { readonly error: unknown } | undefined
    const parser = createParser({ ...options, onItem: (item) => onItem(item) })
    const check = (): void => {
      if (failure) throw failure.error
    }
    super({
      start(controller) {
        onItem = (item) => {
          isRead = true
          controller.enqueue(item)
        }
      },
      transform(chunk) {
        check()
        isRead = false
        try {
          parser.feed(chunk)
        } catch (error) {
          // An error drops what wasn't read yet, so that it waits for the next chunk, which comes when the items have been read.
          if (!isRead) throw error
          failure = { error }
        }
      },
      flush: check,
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
