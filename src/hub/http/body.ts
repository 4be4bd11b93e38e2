import { show } from '../../protocol/fields.js'
import { Refusal } from './refusal.js'

const TEXT = /^(text\/[^;\s]+|[^/;\s]+\/([^;\s]+\+)?json)\s*(;|$)/i
const FORM = /^(multipart\/form-data|application\/x-www-form-urlencoded)\b/i
const CHARSET = /;\s*charset\s*=\s*"?([^";\s]*)/i

/** The body as text, of at most `limit` bytes; more is never held. @throws {Refusal} 413, 415, 400. */
export async function readText({ headers, body }: Request, limit: number): Promise<string> {
  checkType(headers.get('content-type'))
  const encoding = headers.get('content-encoding')
  if (encoding !== null && encoding !== 'identity') throw unsupported(`Content-Encoding ${show(encoding)}: send the data uncompressed`)
  if (Number(headers.get('content-length')) > limit) throw tooLarge(limit)
  if (!body) return ''
  // As it was sent: a byte order mark is data.
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const reader = body.getReader()
  let size = 0
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    size += value?.length ?? 0
    if (size > limit) {
      reader.cancel().catch(() => {})
      throw tooLarge(limit)
    }
    try {
      text += decoder.decode(value, { stream: !done })
    } catch {
      reader.cancel().catch(() => {})
      throw new Refusal(400, 'SSE_INVALID_DATA', 'The body must be UTF-8 text: encode bytes, for instance as base64')
    }
    if (done) return text
  }
}

function checkType(type: string | null): void {
  if (type === null || type === '') return
  if (FORM.test(type)) {
    throw unsupported(
      `${show(type)}: send Content-Type: text/plain or application/json. Forms are refused because any page could send one in a visitor's name`,
    )
  }
  if (!TEXT.test(type)) throw unsupported(`${show(type)}: send text or JSON, and say so in Content-Type`)
  const charset = CHARSET.exec(type)?.[1]
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset)) throw unsupported(`charset ${show(charset)}: send UTF-8`)
}

function unsupported(what: string): Refusal {
  return new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', `Can't take ${what}`)
}

function tooLarge(limit: number): Refusal {
  return new Refusal(413, 'BODY_TOO_LARGE', `The body has more than \`limits.itemBytes\` (${limit}) bytes: publish less, or raise it`)
}
