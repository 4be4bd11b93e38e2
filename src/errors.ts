/** Stable codes: each has a heading in docs/errors.md that says what it means and what to do. */
export type SseErrorCode =
  | 'SSE_INVALID_FIELD'
  | 'SSE_INVALID_DATA'
  | 'SSE_INVALID_TOPIC'
  | 'SSE_UNKNOWN_EVENT'
  | 'SSE_BUFFER_LIMIT'
  | 'SSE_BAD_RESPONSE'
  | 'SSE_IDLE'
  | 'SSE_CLOSED'
  | 'SSE_CONFLICT'
  | 'SSE_ENGINE'
  | 'SSE_MAYBE_STORED'

/** What a server answered instead of an event stream. */
export interface ErrorResponse {
  readonly status: number
  readonly headers: Headers
  /** The first bytes of the body, decoded: enough for an error page's title or a JSON error. */
  readonly body: string
}

/**
 * The one error class of this package. Test `code`, show `message`: it names the field or option, its value, and what to do.
 *
 * Wrong calls (an option of the wrong type) throw `TypeError` instead, and cancelled work throws the signal's reason.
 */
export class SseError extends Error {
  declare readonly code: SseErrorCode
  declare readonly response?: ErrorResponse

  constructor(code: SseErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'SseError'
    this.code = code
  }
}
