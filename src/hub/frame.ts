import type { StoredItem } from '../engines/engine.js'
import { formatItem } from '../protocol/format.js'
import type { Chunk } from '../respond/feed.js'
import { allocate, writeText } from '../util/bytes.js'
import { byteLength } from '../util/text.js'
import { formatCursor } from './cursor.js'

/**
 * One block on its way to readers. Its bytes are made once, at the first need, for all of them; only the id line differs, between sets
 * of topics.
 */
export interface Frame {
  /** 0: it has no id. */
  readonly seq: number
  readonly topic: string
  /** What it dispatches; none for a block that only moves the cursor. */
  readonly fields: StoredItem['fields'] | undefined
  /** About what it holds in memory. */
  readonly size: number
  /** The block up to its id line, or the whole of it when it has none. */
  body(): Uint8Array
}

/** Objects, their places in arrays, and the bytes beside the data. */
const OVERHEAD = 400

/** A class, like Chunks below: there is one per item, and a closure per method would cost more than the item. */
class ItemFrame implements Frame {
  readonly seq: number
  readonly topic: string
  readonly fields: StoredItem['fields']
  readonly prev: number
  readonly size: number
  #body: Uint8Array | undefined

  constructor({ seq, prev, topic, fields }: StoredItem) {
    this.seq = seq
    this.prev = prev
    this.topic = topic
    this.fields = fields
    // The text, and its bytes.
    this.size = OVERHEAD + 2 * fields.data.length
  }

  body(): Uint8Array {
    // Its blank line comes after the id.
    return (this.#body ??= bytesOf(formatItem(this.fields).slice(0, -1)))
  }
}

export function frameOf(item: StoredItem): Frame & { readonly prev: number } {
  return new ItemFrame(item)
}

/** A block without a position: a gap, a snapshot. */
export function looseFrame(topic: string, fields: StoredItem['fields']): Frame {
  return { seq: 0, topic, fields, size: OVERHEAD + fields.data.length, body: () => bytesOf(formatItem(fields)) }
}

/** A block that only moves the reader's cursor. */
export function idFrame(id: string): Frame {
  return { seq: 0, topic: '', fields: undefined, size: OVERHEAD, body: () => bytesOf(formatItem({ id })) }
}

/** A block that says when to come back, in milliseconds. */
export function retryFrame(retry: number): Frame {
  return { seq: 0, topic: '', fields: undefined, size: OVERHEAD, body: () => bytesOf(formatItem({ retry })) }
}

/** A block that does nothing but be there. */
export function quietFrame(): Frame {
  return { seq: 0, topic: '', fields: undefined, size: OVERHEAD, body: () => bytesOf(formatItem({ comment: '' })) }
}

/** The id line of a position, and the blank line that ends its block. */
export type IdLine = (seq: number) => string

/** Those of one scope: made by the one writer, once, with the number to be filled in. */
export function idLineOf(epoch: string, scope: string): IdLine {
  const line = formatItem({ id: formatCursor({ epoch, seq: 0, owed: false, scope }) })
  const at = line.indexOf('-0') + 1
  const head = line.slice(0, at)
  const tail = line.slice(at + 1)
  return (seq) => `${head}${seq}${tail}`
}

/** Frames that go out together: as bytes for connections, as they are for loops. */
export class Batch implements Chunk {
  readonly frames: readonly Frame[]
  /** How many of them dispatch something. */
  readonly items: number
  /** About what they hold in memory. */
  readonly size: number
  readonly #idLine: IdLine
  #whole: Uint8Array | undefined
  #start = 0

  constructor(frames: readonly Frame[], idLine: IdLine) {
    let items = 0
    let size = 0
    for (const frame of frames) {
      if (frame.fields) items++
      size += frame.size
    }
    this.frames = frames
    this.items = items
    this.size = size
    this.#idLine = idLine
  }

  get bytes(): Uint8Array {
    const whole = this.#encoded()
    return whole.subarray(this.#start, whole.length - 2)
  }

  get framed(): Uint8Array {
    return this.#encoded()
  }

  /** Everything in one piece: the chunk's length, the blocks, the chunk's end. */
  #encoded(): Uint8Array {
    if (this.#whole) return this.#whole
    const { frames } = this
    const ids: string[] = []
    let size = 0
    for (const frame of frames) {
      const id = frame.seq === 0 ? '' : this.#idLine(frame.seq)
      ids.push(id)
      size += frame.body().length + id.length
    }
    const head = `${size.toString(16)}\r\n`
    const whole = allocate(head.length + size + 2)
    let at = writeText(whole, 0, head)
    this.#start = at
    for (let index = 0; index < frames.length; index++) {
      const body = (frames[index] as Frame).body()
      whole.set(body, at)
      at += body.length
      const id = ids[index] as string
      // ASCII: as long as it has characters.
      if (id !== '') at += writeText(whole, at, id)
    }
    whole[at] = 13
    whole[at + 1] = 10
    return (this.#whole = whole)
  }
}

function bytesOf(text: string): Uint8Array {
  const bytes = allocate(byteLength(text))
  writeText(bytes, 0, text)
  return bytes
}
