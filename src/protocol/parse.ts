import { SseError } from '../errors.js'
import type { Opt } from './item.js'
import { Received, type ReceivedItem } from './received.js'

export interface ParseOptions extends Opt<{
  /** The last event ID to begin with, as after a reconnect. @default '' */
  lastEventId: string
  /**
   * How much of an unfinished line and item may be held, in characters (UTF-16 code units; for ASCII: bytes). More throws
   * SSE_BUFFER_LIMIT. @default 16_777_216 (16 Mi)
   */
  maxBufferSize: number
  /** Called when a block with an `id:` line ends, also when it has no data; before `onItem`. */
  onId: (lastEventId: string) => void
  /** Called for a valid `retry:` line: milliseconds. */
  onRetry: (retry: number) => void
  /** Called for a comment line, without its colon and one space. */
  onComment: (text: string) => void
}> {}

export interface Parser {
  /** Takes the next chunk, cut anywhere. Don't call it from a callback. @throws {SseError} SSE_BUFFER_LIMIT; then only `reset()` helps. */
  feed(chunk: string | Uint8Array): void
  /** The stream has ended: its unfinished item is discarded, as the standard says. A new stream may follow; the last event ID stays. */
  end(): void
  /** As newly created. */
  reset(): void
}

const BOM = '\uFEFF'
const CRS = /\r\n?/g

// The BOM is the parser's business, because it may also come as a string.
const createDecoder = () => new TextDecoder('utf-8', { ignoreBOM: true })

// For chunks that end with a whole character. Never used as a stream: that takes twice as long, and some decoders remember it.
const utf8 = /* @__PURE__ */ createDecoder()

/** The fields of a block that has not ended; `more`: the lines of its data after the first. */
interface Block extends Opt<{ data: string; more: Pieces; event: string; id: string; retry: number }> {}

/**
 * An incremental parser of event streams: "interpreting an event stream" of the WHATWG standard to the letter, at any chunking,
 * in linear time. Strings and bytes (UTF-8, invalid sequences replaced) may be fed.
 *
 * Each item's `id` is the block's own `id:` line; `lastEventId` persists from item to item.
 *
 * @throws {TypeError} when `onItem` is missing or an option has the wrong type.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function createParser(options: ParseOptions & { onItem: (item: ReceivedItem) => void }): Parser {
  const { onItem, onId, onRetry, onComment, lastEventId: firstId = '', maxBufferSize: limit = 16_777_216 } = options
  for (const [name, value] of Object.entries({ onItem, onId, onRetry, onComment })) {
    if (typeof value !== 'function' && (value !== undefined || name === 'onItem')) throw new TypeError(`\`${name}\` must be a function`)
  }
  if (typeof firstId !== 'string') throw new TypeError('`lastEventId` must be a string')
  if (!(limit > 0) || typeof limit !== 'number') throw new TypeError('`maxBufferSize` must be a number > 0')

  // The block being read, when a chunk has ended within it.
  let block: Block | undefined

  // The stream. `plain`: nothing that came before bears on the next chunk, as is so after whole items. One flag to test instead of
  // six: with one item per chunk the tests are what is left to save.
  let lastEventId = firstId
  let plain = false
  let atStart = true
  let skipLf = false
  let failed = false

  // The unfinished line, and the decoder that may hold the bytes of its unfinished character.
  const held = createPieces()
  let cut: TextDecoder | undefined

  function feed(chunk: string | Uint8Array): void {
    if (typeof chunk === 'string') {
      if (cut && chunk) {
        chunk = cut.decode() + chunk
        cut = undefined
      }
      feedText(chunk)
    }
    // What is no view of bytes is the decoder's to refuse.
    else feedBytes(chunk)
  }

  function feedBytes(chunk: Uint8Array): void {
    const whole = (chunk[chunk.length - 1] as number) < 128
    if (whole && cut === undefined) return feedText(utf8.decode(chunk))
    cut ??= createDecoder()
    feedText(cut.decode(chunk, { stream: !whole }))
    if (whole) cut = undefined
    else plain = false
  }

  function feedText(text: string): void {
    const hasCr = text.includes('\r')
    // A chunk that is one short item, as of a stream of tokens, is what this is called with most.
    const end = text.length - 2
    if (
      end > 4 &&
      text.charCodeAt(0) === 100 &&
      text.charCodeAt(1) === 97 &&
      text.charCodeAt(2) === 116 &&
      text.charCodeAt(3) === 97 &&
      text.charCodeAt(4) === 58 &&
      text.charCodeAt(end + 1) === 10 &&
      plain &&
      !hasCr &&
      end <= limit &&
      text.indexOf('\n') === end
    ) {
      return onItem(new Received(text.slice(text.charCodeAt(5) === 32 ? 6 : 5, end), 'message', undefined, undefined, lastEventId))
    }
    let start = 0
    if (!plain) {
      if (failed) fail()
      if (text === '') return
      // "strip one leading U+FEFF": as a string it is one character, so that no chunk can split it.
      if (atStart ? text.startsWith(BOM) : skipLf && text.startsWith('\n')) start = 1
      atStart = skipLf = false
      plain = true
    }
    if (hasCr) {
      // A lone CR ends its line at once; should an LF come next, it belongs to this line end.
      if (text.endsWith('\r')) {
        skipLf = true
        plain = false
      }
      text = text.replace(CRS, '\n')
    }
    if (held.size > 0) {
      start = text.indexOf('\n') + 1
      if (start === 0) return hold(text)
      held.add(text.slice(0, start))
      readLines(held.take(), 0)
    }
    const tail = readLines(text, start)
    if (tail < text.length) hold(text.slice(tail))
  }

  /**
   * Reads all lines that end in `text`; returns where the unfinished one begins. One loop with the block in local variables: storing a
   * string in anything older than itself costs as much as finding it. Names are compared code by code, and codes are written as numbers:
   * helpers and constants of the module would be a tenth of the time of a short item. No name has a line end in it, so that none can match
   * beyond its line.
   */
  function readLines(text: string, start: number): number {
    let data: string | undefined
    let event: string | undefined
    let id: string | undefined
    let more: Pieces | undefined
    let retry: number | undefined
    const { length } = text
    // Nothing in a text this short can be too long.
    let roomy = length <= limit
    // No line of the block has been seen.
    let fresh = true
    if (block) {
      ;({ data, more, event, id, retry } = block)
      block = undefined
      roomy = length <= limit - sizeOf(data, more)
      fresh = false
    }
    while (start < length) {
      const first = text.charCodeAt(start)
      // "If the line is empty (a blank line): Dispatch the event".
      if (first === 10) {
        // "Set the last event ID string of the event source to the value of the last event ID buffer": only now, so that an item that was
        // cut off is asked for again.
        if (id !== undefined) {
          lastEventId = id
          onId?.(id)
        }
        // "If the data buffer is an empty string, set the data buffer and the event type buffer to the empty string and return."
        if (data !== undefined) {
          if (more !== undefined) data += more.take()
          onItem(new Received(data, event || 'message', id, retry, lastEventId))
        }
        data = more = event = id = retry = undefined
        fresh = true
        start++
        continue
      }
      const end = text.indexOf('\n', start)
      if (end === -1) break
      if (!roomy && end - start > limit - sizeOf(data, more)) fail()
      // A name, and its end: a colon, or "Otherwise, the string is not empty but does not contain a U+003A COLON character", a field with
      // an empty value. Of a value: "If value starts with a U+0020 SPACE character, remove it from value."
      if (
        first === 100 &&
        text.charCodeAt(start + 1) === 97 &&
        text.charCodeAt(start + 2) === 116 &&
        text.charCodeAt(start + 3) === 97 &&
        (text.charCodeAt(start + 4) === 58 || start + 4 === end)
      ) {
        const value = text.slice(text.charCodeAt(start + 5) === 32 ? start + 6 : start + 5, end)
        // The usual item, taken by looking ahead, but not beyond the text: once charCodeAt() has been out of bounds, V8 no longer inlines it.
        if (fresh && end + 1 < length && text.charCodeAt(end + 1) === 10) {
          onItem(new Received(value, 'message', undefined, undefined, lastEventId))
          start = end + 2
          continue
        }
        if (data === undefined) data = value
        else {
          more ??= createPieces()
          more.add('\n' + value)
        }
      } else if (first === 105 && text.charCodeAt(start + 1) === 100 && (text.charCodeAt(start + 2) === 58 || start + 2 === end)) {
        const value = text.slice(text.charCodeAt(start + 3) === 32 ? start + 4 : start + 3, end)
        // "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value. Otherwise, ignore the field."
        if (!value.includes('\0')) id = value
      } else if (
        first === 101 &&
        text.charCodeAt(start + 1) === 118 &&
        text.charCodeAt(start + 2) === 101 &&
        text.charCodeAt(start + 3) === 110 &&
        text.charCodeAt(start + 4) === 116 &&
        (text.charCodeAt(start + 5) === 58 || start + 5 === end)
      ) {
        event = text.slice(text.charCodeAt(start + 6) === 32 ? start + 7 : start + 6, end)
      } else if (first === 58) {
        onComment?.(text.slice(text.charCodeAt(start + 1) === 32 ? start + 2 : start + 1, end))
      } else if (first === 114) {
        retry = retryOf(text.slice(start, end)) ?? retry
      }
      // "Otherwise: The field is ignored."
      fresh = false
      start = end + 1
    }
    if (!fresh) {
      block = { data, more, event, id, retry }
      plain = false
    }
    return start
  }

  /** "If the field value consists of only ASCII digits". Capped, so that a relay can send it on. */
  function retryOf(line: string): number | undefined {
    if (!/^retry: ?[0-9]+$/.test(line)) return undefined
    const retry = Math.min(+line.slice(6), 2 ** 53 - 1)
    onRetry?.(retry)
    return retry
  }

  function hold(text: string): void {
    plain = false
    held.add(text)
    if (held.size > limit - sizeOf(block?.data, block?.more)) fail()
  }

  function end(): void {
    block = undefined
    held.take()
    cut = undefined
    plain = skipLf = false
    atStart = true
  }

  function reset(): void {
    end()
    failed = false
    lastEventId = firstId
  }

  function fail(): never {
    end()
    failed = true
    throw new SseError('SSE_BUFFER_LIMIT', `No item ended within \`maxBufferSize\` (${limit}): raise it`)
  }

  return { feed, end, reset }
}

interface Pieces {
  /** In characters. */
  size: number
  add(text: string): void
  /** All of them joined, and then there are none. */
  take(): string
}

/** Text that comes in pieces, joined once: appending would copy it again whenever somebody looks. */
function createPieces(): Pieces {
  let pieces: string[] = []
  return {
    size: 0,
    add(text) {
      this.size += text.length
      // A pinned string or array slot per tiny piece would cost far more than the text in it.
      if (pieces.push(text) === 256) pieces = [`${pieces.shift()}${pieces.join('')}`]
    },
    take() {
      const text = pieces.join('')
      pieces = []
      this.size = 0
      return text
    },
  }
}

function sizeOf(data: string | undefined, more: Pieces | undefined): number {
  return (data?.length ?? 0) + (more?.size ?? 0)
}
