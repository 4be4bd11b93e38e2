import { SseError, type ErrorResponse } from '../errors.js'
import { show } from './fields.js'
import { isEventStream } from './headers.js'

const FIRST_BYTES = 1024
const FIRST_BYTES_WITHIN = 1000

/** @throws {SseError} SSE_BAD_RESPONSE, with status, headers and first bytes, unless the answer is a 2xx event stream. */
export async function checkResponse(response: Response): Promise<void> {
  const { status, headers } = response
  const type = headers.get('content-type')
  if (response.ok && isEventStream(type)) return
  const body = await firstBytes(response)
  const answer: ErrorResponse = { status, headers, body }
  const message = `Expected a 2xx event stream, got ${status} ${type ?? 'without a content type'}: ${show(body)}`
  throw Object.assign(new SseError('SSE_BAD_RESPONSE', message), { response: answer })
}

async function firstBytes(response: Response): Promise<string> {
  if (!response.body || response.bodyUsed || response.body.locked) return ''
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  // An answer of the wrong type may be a stream without end, too.
  const timer = setTimeout(() => void reader.cancel().catch(() => {}), FIRST_BYTES_WITHIN)
  try {
    while (text.length < FIRST_BYTES) {
      const { done, value } = await reader.read()
      if (done) break
      text += decoder.decode(value, { stream: true })
    }
  } catch {
    // What came before the body failed is still worth showing.
  } finally {
    clearTimeout(timer)
    void reader.cancel().catch(() => {})
  }
  return text.slice(0, FIRST_BYTES)
}
