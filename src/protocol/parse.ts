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

const LF = 10
const SPACE = 32
const COLON = 58
const BOM = '\uFEFF'
const CRS = /\r\n?/g

// Stateless, which is twice as fast. The BOM is the parser's business, because it may also come as a string.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const NO_BYTES = new Uint8Array(0)

// A pinned string or array slot per tiny fragment would cost far more than the text in it.
const FRAGMENTS = 256

/** The fields of a block that has not ended. */
interface Block {
  readonly data: string | undefined
  readonly event: string | undefined
  readonly id: string | undefined
  readonly rest: Rest | undefined
}

/** What few blocks have. */
interface Rest {
  /** The lines of the data after the first, and their length with the line breaks. */
  lines: string[]
  size: number
  retry: number | undefined
}

const NO_BLOCK: Block = { data: undefined, event: undefined, id: undefined, rest: undefined }

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
  if (typeof onItem !== 'function') throw new TypeError('`onItem` must be a function')
  for (const [name, callback] of Object.entries({ onId, onRetry, onComment })) {
    if (callback !== undefined && typeof callback !== 'function') throw new TypeError(`\`${name}\` must be a function`)
  }
  if (typeof firstId !== 'string') throw new TypeError('`lastEventId` must be a string')
  if (typeof limit !== 'number' || !(limit > 0)) throw new TypeError('`maxBufferSize` must be a number > 0')

  // The block being read, when a chunk has ended within it.
  let block = NO_BLOCK

  // The stream. `plain`: nothing that came before bears on the next chunk, as is so after whole items. One flag to test instead of
  // five: with one item per chunk the tests are what is left to save.
  let lastEventId = firstId
  let plain = false
  let atStart = true
  let skipLf = false
  let failed = false

  // The unfinished line, in pieces that are joined once: appending would copy a long line again for every chunk. Then the bytes of
  // its unfinished character.
  let head = ''
  let fragments: string[] = []
  let textSize = 0
  let cut = NO_BYTES

  function feed(chunk: string | Uint8Array): void {
    if (typeof chunk === 'string') feedText(chunk)
    // By shape, not instanceof: bytes of another realm are as good.
    else if (ArrayBuffer.isView(chunk) && chunk.BYTES_PER_ELEMENT === 1) feedBytes(chunk)
    else throw new TypeError('A chunk must be a string or a Uint8Array')
  }

  function feedBytes(chunk: Uint8Array): void {
    if (cut.length > 0) chunk = takeCut(chunk)
    const end = cutAt(chunk)
    if (end === chunk.length) return feedText(utf8.decode(chunk))
    feedText(utf8.decode(chunk.subarray(0, end)))
    // A copy: the caller may use its memory again, and slice() of a Buffer is none.
    cut = new Uint8Array(chunk.subarray(end))
    plain = false
  }

  function takeCut(chunk: Uint8Array): Uint8Array {
    const joined = new Uint8Array(cut.length + chunk.length)
    joined.set(cut)
    joined.set(chunk, cut.length)
    cut = NO_BYTES
    return joined
  }

  function feedText(chunk: string): void {
    let start = 0
    if (!plain) {
      if (failed) fail()
      if (chunk === '') return
      if (cut.length > 0) chunk = utf8.decode(takeCut(NO_BYTES)) + chunk
      // "strip one leading U+FEFF": as a string it is one character, so that no chunk can split it.
      if (atStart ? chunk.startsWith(BOM) : skipLf && chunk.charCodeAt(0) === LF) start = 1
      atStart = skipLf = false
      plain = true
    }
    if (chunk.includes('\r')) {
      // A lone CR ends its line at once; should an LF come next, it belongs to this line end.
      if (chunk.endsWith('\r')) {
        skipLf = true
        plain = false
      }
      chunk = chunk.replace(CRS, '\n')
    }
    if (textSize > 0) {
      start = chunk.indexOf('\n') + 1
      if (start === 0) return holdText(chunk)
      const line = head + fragments.join('') + chunk.slice(0, start)
      dropText()
      readLines(line, 0)
    }
    const tail = readLines(chunk, start)
    if (tail < chunk.length) holdText(tail === 0 ? chunk : chunk.slice(tail))
  }

  /**
   * Reads all lines that end in `text`; returns where the unfinished one begins. One loop with the block in local variables: storing a
   * string in anything older than itself costs as much as finding it.
   */
  function readLines(text: string, start: number): number {
    let data: string | undefined
    let event: string | undefined
    let id: string | undefined
    let rest: Rest | undefined
    if (block !== NO_BLOCK) {
      ;({ data, event, id, rest } = block)
      block = NO_BLOCK
    }
    // Nothing in a text this short can be too long.
    const roomy = text.length <= limit - sizeOf(data, rest)
    while (start < text.length) {
      const first = text.charCodeAt(start)
      // "If the line is empty (a blank line): Dispatch the event".
      if (first === LF) {
        if (id !== undefined) moveId(id)
        // "If the data buffer is an empty string, set the data buffer and the event type buffer to the empty string and return."
        if (data !== undefined) {
          if (rest !== undefined) data = join(data, rest)
          onItem(new Received(data, event || 'message', id, rest === undefined ? undefined : rest.retry, lastEventId))
        }
        data = event = id = rest = undefined
        start++
        continue
      }
      const end = text.indexOf('\n', start)
      if (end === -1) break
      if (!roomy && end - start > limit - sizeOf(data, rest)) fail()
      if (first === 100 && isData(text, start, end)) {
        const value = valueOf(text, start + 5, end)
        if (data === undefined) data = value
        else {
          if (rest === undefined) rest = newRest()
          data = addLine(data, rest, value)
        }
      } else if (first === 105 && isId(text, start, end)) {
        const value = valueOf(text, start + 3, end)
        // "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value. Otherwise, ignore the field."
        if (!value.includes('\0')) id = value
      } else if (first === 101 && isEvent(text, start, end)) {
        event = valueOf(text, start + 6, end)
      } else if (first === COLON) {
        onComment?.(valueOf(text, start + 1, end))
      } else if (first === 114) {
        const retry = retryOf(text.slice(start, end))
        if (retry !== undefined) {
          if (rest === undefined) rest = newRest()
          rest.retry = retry
          onRetry?.(retry)
        }
      }
      // "Otherwise: The field is ignored."
      start = end + 1
    }
    if (data !== undefined || event !== undefined || id !== undefined || rest !== undefined) block = { data, event, id, rest }
    return start
  }

  /**
   * "Set the last event ID string of the event source to the value of the last event ID buffer": only when a block has ended, so that
   * an item that was cut off is asked for again.
   */
  function moveId(id: string): void {
    lastEventId = id
    onId?.(id)
  }

  function holdText(text: string): void {
    plain = false
    fragments.push(text)
    textSize += text.length
    if (fragments.length === FRAGMENTS) {
      head += fragments.join('')
      fragments = []
    }
    if (textSize > limit - sizeOf(block.data, block.rest)) fail()
  }

  function dropText(): void {
    head = ''
    fragments = []
    textSize = 0
  }

  function end(): void {
    block = NO_BLOCK
    dropText()
    cut = NO_BYTES
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
    throw new SseError(
      'SSE_BUFFER_LIMIT',
      `More than \`maxBufferSize\` (${limit}) characters without the end of an item: raise it, or see why the server ends none`,
    )
  }

  return { feed, end, reset }
}

/** Where a chunk ends in the middle of a UTF-8 character: cutting before a byte that continues none changes nothing in what is decoded. */
function cutAt(chunk: Uint8Array): number {
  const { length } = chunk
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = chunk[length - back] as number
    // The first byte of a character of two bytes is 0xC0 or more, of three 0xE0, of four 0xF0.
    if ((byte & 0xc0) !== 0x80) return byte >= 256 - (128 >> back) ? length - back : length
  }
  return length
}

function newRest(): Rest {
  return { lines: [], size: 0, retry: undefined }
}

function addLine(data: string, rest: Rest, line: string): string {
  rest.size += line.length + 1
  return rest.lines.push(line) === FRAGMENTS ? join(data, rest) : data
}

function join(data: string, rest: Rest): string {
  if (rest.lines.length > 0) data += '\n' + rest.lines.join('\n')
  rest.lines = []
  rest.size = 0
  return data
}

function sizeOf(data: string | undefined, rest: Rest | undefined): number {
  return data === undefined ? 0 : data.length + (rest === undefined ? 0 : rest.size)
}

/** "If the field value consists of only ASCII digits". Capped, so that a relay can send it on. */
function retryOf(line: string): number | undefined {
  return /^retry: ?[0-9]+$/.test(line) ? Math.min(Number(line.slice(6)), Number.MAX_SAFE_INTEGER) : undefined
}

/** "If value starts with a U+0020 SPACE character, remove it from value." */
function valueOf(text: string, start: number, end: number): string {
  return text.slice(text.charCodeAt(start) === SPACE ? start + 1 : start, end)
}

// What comes after the first character; a line without a colon is a field with an empty value. Compared code by code: a slice or
// startsWith() per line is what parsing short items would mostly cost. A line end is in none of these names, so that they can't
// match beyond their line.
function isData(text: string, at: number, end: number): boolean {
  return (
    text.charCodeAt(at + 1) === 97 &&
    text.charCodeAt(at + 2) === 116 &&
    text.charCodeAt(at + 3) === 97 &&
    (text.charCodeAt(at + 4) === COLON || at + 4 === end)
  )
}

function isEvent(text: string, at: number, end: number): boolean {
  return (
    text.charCodeAt(at + 1) === 118 &&
    text.charCodeAt(at + 2) === 101 &&
    text.charCodeAt(at + 3) === 110 &&
    text.charCodeAt(at + 4) === 116 &&
    (text.charCodeAt(at + 5) === COLON || at + 5 === end)
  )
}

function isId(text: string, at: number, end: number): boolean {
  return text.charCodeAt(at + 1) === 100 && (text.charCodeAt(at + 2) === COLON || at + 2 === end)
}
