import { SseError, type SseErrorCode } from '../../errors.js'
import type { SeatLimits } from '../seats.js'

/** An answer that is no success: its code and message go to the client, so that they hold nothing that is only for the server's eyes. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

const BAD_REQUEST: ReadonlySet<SseErrorCode> = new Set([
  'SSE_INVALID_TOPIC',
  'SSE_INVALID_FIELD',
  'SSE_INVALID_DATA',
  'SSE_UNKNOWN_EVENT',
] as const)

// In seconds: a store that restarts, or a process that gives its place to the next.
const SOON = { 'retry-after': '1' }

/** What a client is told of an error; `onError` hears of those that are the server's own. */
export function refusalOf(error: unknown, onError: (error: unknown) => void): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof SseError) {
    const { code, message } = error
    if (BAD_REQUEST.has(code)) return new Refusal(400, code, message)
    if (code === 'SSE_CONFLICT') return new Refusal(409, code, message)
    if (code === 'SSE_CLOSED') return closed()
    if (code === 'SSE_ENGINE') {
      onError(error)
      // In words of our own: the store's may name machines.
      return new Refusal(503, code, "The hub's store failed or can't be reached: nothing is stored. Try again", SOON)
    }
    if (code === 'SSE_MAYBE_STORED') {
      onError(error)
      return new Refusal(504, code, "The hub's store didn't say: the item may be stored. Repeat it with the same Idempotency-Key", SOON)
    }
  }
  return internal(error, onError)
}

/** The server's own failure: its words are for `onError` alone. */
export function internal(error: unknown, onError: (error: unknown) => void): Refusal {
  onError(error)
  return new Refusal(500, 'INTERNAL_ERROR', 'The server failed; its log says why. Try again later')
}

export function closed(): Refusal {
  return new Refusal(503, 'SSE_CLOSED', 'The hub is closed, or not open yet: try again in a moment', SOON)
}

export function draining(): Refusal {
  return new Refusal(503, 'SSE_CLOSED', 'The hub is about to close, and begins no more streams: try again in a moment, with another', SOON)
}

/** 503 where it is nobody's fault, 429 where it is that of whoever asks. */
export function tooMany(limit: keyof SeatLimits, most: number): Refusal {
  const status = limit === 'connections' ? 503 : 429
  const message = `\`limits.${limit}\` (${most}) are open: close one, or try again later`
  return new Refusal(status, 'TOO_MANY_CONNECTIONS', message, { 'retry-after': '5' })
}

export function tooFast(perSecond: number, time: number): Refusal {
  const seconds = Math.min(3600, Math.ceil(time / 1000))
  const message = `More than \`limits.publishesPerSecond\` (${perSecond}): publish less often, or several things in one item`
  return new Refusal(429, 'TOO_MANY_PUBLISHES', message, { 'retry-after': String(seconds) })
}
