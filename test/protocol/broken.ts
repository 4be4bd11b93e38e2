import { SseError } from '../../src/errors.js'
import type { Parse, Told } from './record.js'

// A simple formatter and a simple parser, each with one mistake at a time: those that are made. Without a mistake they are right.

export const formatterMistakes = [
  'does not split data at CR',
  'takes CRLF for two line ends',
  'writes the id before the data',
  'lets NUL into an id',
  'lets LF into an event',
  'lets CR into an id',
  'drops the data line of empty data',
  'drops an empty id',
  'drops a retry of 0',
  'trims data',
  'ends lines with CRLF',
  'leaves the default event out',
  'takes a negative retry',
] as const

interface Fields {
  readonly data?: unknown
  readonly event?: string | undefined
  readonly id?: string | number | bigint | undefined
  readonly retry?: number | undefined
  readonly comment?: string | undefined
}

export function brokenFormatter(mistake?: (typeof formatterMistakes)[number]): (item: Fields) => string {
  const has = (one: typeof mistake) => mistake === one
  return (item) => {
    const { event, comment } = item
    const [id, retry] = [item.id === undefined ? undefined : String(item.id), item.retry]
    if (event !== undefined && (has('lets LF into an event') ? /\r/ : /[\r\n]/).test(event)) refuse('event')
    if (id !== undefined && (has('lets NUL into an id') ? /[\r\n]/ : has('lets CR into an id') ? /[\n\0]/ : /[\r\n\0]/).test(id))
      refuse('id')
    if (retry !== undefined && (!Number.isSafeInteger(retry) || (retry < 0 && !has('takes a negative retry')))) refuse('retry')

    const lines: string[] = []
    if (comment !== undefined) lines.push(...comment.split(/\r\n|\r|\n/).map((line) => `: ${line}`))
    if (event !== undefined && !(has('leaves the default event out') && (event === '' || event === 'message')))
      lines.push(`event: ${event}`)
    if (typeof item.data === 'string') {
      const data = has('trims data') ? item.data.trim() : item.data
      const ends = has('does not split data at CR') ? /\r\n|\n/ : has('takes CRLF for two line ends') ? /\r|\n/ : /\r\n|\r|\n/
      if (data !== '' || !has('drops the data line of empty data')) lines.push(...data.split(ends).map((line) => `data: ${line}`))
    }
    const place = has('writes the id before the data') ? lines.findIndex((line) => line.startsWith('data')) : lines.length
    if (id !== undefined && !(has('drops an empty id') && id === '')) lines.splice(place, 0, `id: ${id}`)
    if (retry !== undefined && !(has('drops a retry of 0') && retry === 0)) lines.push(`retry: ${retry}`)
    return [...lines, '', ''].join(has('ends lines with CRLF') ? '\r\n' : '\n')
  }
}

function refuse(field: string): never {
  throw new SseError('SSE_INVALID_FIELD', `\`${field}\``)
}

export const parserMistakes = [
  'strips all leading spaces',
  'strips no leading space',
  'moves the last event ID at the id line',
  'takes CR and LF in two chunks for two line ends',
  'waits after CR for what comes next',
  'does not end lines at a lone CR',
  'keeps the event name at a blank line without data',
  'forgets the last event ID after an item',
  'ignores a block with an id only',
  'decodes each chunk by itself',
  'dispatches an unfinished item at the end',
  'keeps a leading BOM',
  'drops every BOM',
  'takes an id with NUL',
  'takes a retry that only begins with digits',
  'takes field names in any case',
  'ignores a field without a colon',
  'drops empty data',
] as const

export function brokenParser(mistake?: (typeof parserMistakes)[number]): Parse {
  const has = (one: typeof mistake) => mistake === one
  return (chunks) => {
    const told: Told[] = []
    const newDecoder = () => new TextDecoder('utf-8', { ignoreBOM: true })
    const decoder = newDecoder()
    let line = ''
    let afterCr = false
    let first = true
    let data: string[] | undefined
    let event = ''
    let id: string | undefined
    let retry: number | undefined
    let lastEventId = ''

    for (const chunk of chunks) {
      if (has('takes CR and LF in two chunks for two line ends') && chunk.length > 0) afterCr = false
      if (typeof chunk === 'string') read(decoder.decode() + chunk)
      else read(has('decodes each chunk by itself') ? newDecoder().decode(chunk) : decoder.decode(chunk, { stream: true }))
    }
    if (has('dispatches an unfinished item at the end')) dispatch()
    return told

    function read(text: string): void {
      for (const unit of text.split('')) {
        if (unit === '\uFEFF' && (has('drops every BOM') || (first && !has('keeps a leading BOM')))) {
          first = false
          continue
        }
        first = false
        if (has('waits after CR for what comes next') && afterCr) endLine()
        const endsCrLf = unit === '\n' && afterCr
        afterCr = unit === '\r' && !has('does not end lines at a lone CR')
        if (endsCrLf || (afterCr && has('waits after CR for what comes next'))) continue
        if (unit === '\n' || afterCr) endLine()
        else line += unit
      }
    }

    function endLine(): void {
      const whole = line
      line = ''
      if (whole === '') return dispatch()
      const colon = whole.indexOf(':')
      if (colon === 0) return void told.push({ comment: value(whole.slice(1)) })
      if (colon === -1 && has('ignores a field without a colon')) return
      const name = colon === -1 ? whole : whole.slice(0, colon)
      field(has('takes field names in any case') ? name.toLowerCase() : name, colon === -1 ? '' : value(whole.slice(colon + 1)))
    }

    function value(text: string): string {
      if (has('strips no leading space')) return text
      return text.replace(has('strips all leading spaces') ? /^ +/ : /^ /, '')
    }

    function field(name: string, value: string): void {
      if (name === 'data') data = [...(data ?? []), value]
      if (name === 'event') event = value
      if (name === 'id' && (!value.includes('\0') || has('takes an id with NUL'))) {
        id = value
        if (has('moves the last event ID at the id line')) moveId()
      }
      if (name === 'retry' && (has('takes a retry that only begins with digits') ? /^[0-9]+/ : /^[0-9]+$/).test(value)) {
        retry = Math.min(Number.parseInt(value, 10), Number.MAX_SAFE_INTEGER)
        told.push({ retry })
      }
    }

    function moveId(): void {
      if (id !== undefined) told.push({ id: (lastEventId = id) })
    }

    function dispatch(): void {
      if (data && has('drops empty data') && data.join('') === '') data = undefined
      if (!has('moves the last event ID at the id line') && (data || !has('ignores a block with an id only'))) moveId()
      if (data) {
        told.push({ item: { data: data.join('\n'), event: event === '' ? 'message' : event, id, retry, lastEventId } })
        if (has('forgets the last event ID after an item')) lastEventId = ''
      }
      if (data || !has('keeps the event name at a blank line without data')) event = ''
      id = retry = data = undefined
    }
  }
}
