import { createParser as createJudge } from 'eventsource-parser'
import * as fc from 'fast-check'
import { SseError } from '../../src/errors.js'
import type { formatItem } from '../../src/protocol/index.js'
import { block, chunksOf, dirtyBytes, garbage, hostileFields, item, plan, sizes } from './arbitraries.js'
import { bytes, cutBySizes, ours, type Parse, type Told } from './record.js'
import { netFormat } from './reference-formatter.js'
import { referenceParse } from './reference-parser.js'

// The judges take what they judge as a parameter, so that they can themselves be tried on implementations that are broken on purpose.

type Format = (item: Parameters<typeof formatItem>[0]) => string
type Properties<T> = Readonly<Record<string, (subject: T) => fc.IProperty<unknown>>>

export const formatterProperties: Properties<Format> = {
  'writes what .NET writes, byte for byte': (format) => fc.property(item, (item) => same([...bytes(format(item))], [...netFormat(item)])),

  'refuses what could inject': (format) =>
    fc.property(hostileFields, (fields) => {
      try {
        format({ data: 'x', ...fields })
      } catch (error) {
        return error instanceof SseError && error.code === 'SSE_INVALID_FIELD' && error.message.includes(`\`${Object.keys(fields)[0]}\``)
      }
      return false
    }),

  'writes what parses back to the same items': (format) => roundTrip(format, ours),
}

export const parserProperties: Properties<Parse> = {
  'reads any text as the standard says, at any chunking': (parse) =>
    fc.property(garbage, plan, (text, plan) => same(parse(chunksOf(text, plan)), referenceParse(text))),

  'reads any bytes as the standard says, at any chunking': (parse) =>
    fc.property(dirtyBytes, sizes, (dirty, sizes) =>
      same(parse(cutBySizes(dirty, sizes)), referenceParse(new TextDecoder('utf-8', { ignoreBOM: true }).decode(dirty))),
    ),

  'reads what eventsource-parser reads': (parse) =>
    fc.property(comparable, plan, (text, plan) =>
      same(withoutIds(parse(chunksOf(text, plan))), judge(chunksOf(text, { ...plan, mode: 'text' }) as string[])),
    ),

  'reads back what is written': (parse) => roundTrip(writeSlowly, parse),
}

/**
 * Where eventsource-parser 3.1.1 differs: a BOM stays in its first line; a CR at the end of a chunk waits for what comes next, for ever at
 * the end of a stream; a `retry` is not capped; an id without data is not told, and neither is the last event ID.
 */
const comparable = garbage.map((text) => text.replace(/^\uFEFF+/, '').replaceAll('99999999999999999999', '9') + '\n')

export function judge(chunks: readonly string[]): Told[] {
  const told: Told[] = []
  const parser = createJudge({
    onEvent: ({ data, event = 'message', id }) => void told.push({ item: { data, event, id, retry: undefined, lastEventId: '' } }),
    onRetry: (retry) => void told.push({ retry }),
    onComment: (comment) => void told.push({ comment }),
  })
  for (const chunk of chunks) parser.feed(chunk)
  return told
}

function withoutIds(told: readonly Told[]): Told[] {
  return told
    .filter((one) => !('id' in one))
    .map((one) => ('item' in one ? { item: { ...one.item, retry: undefined, lastEventId: '' } } : one))
}

function roundTrip(format: Format, parse: Parse): fc.IProperty<unknown> {
  return fc.property(fc.array(block, { maxLength: 5 }), plan, (blocks, { mode, sizes }) => {
    const text = blocks.map((block) => format(block)).join('')
    // Lone surrogates have no bytes: they come back as U+FFFD, unless they stay text all the way.
    const sent = mode === 'text' ? text : wellFormed(text)
    return same(parse(chunksOf(sent, { mode, sizes })), meant(blocks, mode === 'text' ? (value) => value : wellFormed))
  })
}

interface Block {
  readonly data?: string
  readonly event?: string
  readonly id?: string | number | bigint
  readonly retry?: number
  readonly comment?: string
}

/** What must come back for these blocks, told without any parser. */
function meant(blocks: readonly Block[], onTheWire: (value: string) => string): Told[] {
  const told: Told[] = []
  let lastEventId = ''
  for (const { data, event, id, retry, comment } of blocks) {
    if (comment !== undefined) for (const line of comment.split(/\r\n|\r|\n/)) told.push({ comment: onTheWire(line) })
    if (retry !== undefined) told.push({ retry })
    if (id !== undefined) told.push({ id: (lastEventId = onTheWire(String(id))) })
    if (data === undefined) continue
    const text = onTheWire(data.replace(/\r\n|\r|\n/g, '\n'))
    told.push({
      item: { data: text, event: onTheWire(event || 'message'), id: id === undefined ? undefined : lastEventId, retry, lastEventId },
    })
  }
  return told
}

/** A formatter too simple to be wrong, so that a failing round trip is the parser's. */
function writeSlowly(item: object): string {
  const { data, event, id, retry, comment } = item as Block
  const lines: string[] = []
  if (comment !== undefined) lines.push(...comment.split(/\r\n|\r|\n/).map((line) => `: ${line}`))
  if (event !== undefined) lines.push(`event: ${event}`)
  if (data !== undefined) lines.push(...data.split(/\r\n|\r|\n/).map((line) => `data: ${line}`))
  if (id !== undefined) lines.push(`id: ${id}`)
  if (retry !== undefined) lines.push(`retry: ${retry}`)
  return [...lines, '', ''].join('\n')
}

function wellFormed(text: string): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes(text))
}

/** Throws with both, so that a counter-example shows what came and what should have. */
function same(is: readonly unknown[], should: readonly unknown[]): boolean {
  const [left, right] = [JSON.stringify(is), JSON.stringify(should)]
  if (left !== right) throw new Error(`is     ${left}\nshould ${right}`)
  return true
}
