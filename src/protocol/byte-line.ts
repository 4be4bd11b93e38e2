const LF = 10
const CR = 13
const KEPT = 65_536

// Stateless: only whole lines are decoded. The BOM is the parser's business, because it may also come as a string.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** UTF-8 to a string; "when decoding, invalid sequences are replaced by U+FFFD". */
export function decode(bytes: Uint8Array): string {
  return utf8.decode(bytes)
}

/** Where the last line end of a chunk stands; -1 when there is none. */
export function lastLineEnd(chunk: Uint8Array): number {
  // By hand: a call of lastIndexOf for CR would read a whole chunk that has none.
  for (let at = chunk.length - 1; at >= 0; at--) {
    const byte = chunk[at]
    if (byte === LF || byte === CR) return at
  }
  return -1
}

/** The bytes of a line that isn't finished: one buffer that doubles, so that a long line in tiny chunks takes linear time. */
export interface ByteLine {
  readonly length: number
  hold(chunk: Uint8Array): void
  /** The text of all that was held, and then nothing is. */
  take(): string
  /** The same, with these bytes at its end. */
  takeWith(chunk: Uint8Array): string
  drop(): void
  /** Whether the text of it has more than `limit` characters. */
  isLongerThan(limit: number, withBom: boolean): boolean
}

export function createByteLine(): ByteLine {
  let buffer = new Uint8Array(0)
  let length = 0
  let counter: TextDecoder | undefined
  let counted = 0
  let characters = 0

  function hold(chunk: Uint8Array): void {
    const needed = length + chunk.length
    if (needed > buffer.length) {
      const larger = new Uint8Array(Math.max(needed, buffer.length * 2, 1024))
      larger.set(buffer.subarray(0, length))
      buffer = larger
    }
    buffer.set(chunk, length)
    length = needed
  }

  function take(): string {
    if (length === 0) return ''
    const text = decode(buffer.subarray(0, length))
    drop()
    return text
  }

  function drop(): void {
    length = 0
    counter = undefined
    if (buffer.length > KEPT) buffer = new Uint8Array(0)
  }

  function isLongerThan(limit: number, withBom: boolean): boolean {
    // A character has at least one byte, so that counting is needed only near the limit.
    if (length <= limit) return false
    if (!counter) {
      counter = new TextDecoder('utf-8', { ignoreBOM: !withBom })
      counted = characters = 0
    }
    characters += counter.decode(buffer.subarray(counted, length), { stream: true }).length
    counted = length
    return characters > limit
  }

  return {
    get length() {
      return length
    },
    hold,
    take,
    takeWith(chunk) {
      hold(chunk)
      return take()
    },
    drop,
    isLongerThan,
  }
}
