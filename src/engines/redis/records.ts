import { createHash } from 'node:crypto'
import type { Page, Passed, StoredItem } from '../engine.js'

/** What a message on an item's channel, or one on that of hints, says. */
export interface Told<T> {
  readonly epoch: string
  readonly value: T
}

/** `h` of a stored item: version, `prev`, time, and after another space its event type if it has one. */
function itemOf(seq: string, topic: string, h: string, data: string): StoredItem {
  const [, prev = '', at = '', event] = /^1 (\d+) (\d+)(?: (.*))?$/s.exec(h) ?? []
  if (at === '') throw new Error(`Not an item of this version: ${JSON.stringify(h.slice(0, 80))}`)
  const fields = event === undefined ? { data } : { data, event }
  return { seq: Number(seq), prev: Number(prev), topic, fields, at: Number(at) }
}

/** `<epoch> <seq> <topic> <h>`, a line break, the data. */
export function decodeItem(message: string): Told<StoredItem> {
  const end = message.indexOf('\n')
  const [, epoch = '', seq = '', topic = '', h = ''] = /^(\w+) (\d+) (\S+) (.*)$/s.exec(message.slice(0, end)) ?? []
  return { epoch, value: itemOf(seq, topic, h, message.slice(end + 1)) }
}

/** `new <epoch>`, then a line for each item: `<seq> <prev> <topic>`. Anything else only says that there is something to look at. */
export function decodeHint(message: string): Told<readonly Passed[]> | undefined {
  if (!message.startsWith('new ')) return undefined
  const [first = '', ...lines] = message.split('\n')
  const value = lines.map((line) => {
    const [seq, prev, topic = ''] = line.split(' ')
    return { seq: Number(seq), prev: Number(prev), topic }
  })
  return { epoch: first.slice('new '.length), value }
}

export function decodePage(reply: unknown): Page {
  const [epoch = '', head, through, trimmed, ...rest] = reply as readonly string[]
  const items: StoredItem[] = []
  for (let at = 0; at < rest.length; at += 4) {
    const [seq = '', topic = '', h = '', data = ''] = rest.slice(at, at + 4)
    items.push(itemOf(seq, topic, h, data))
  }
  return { epoch, head: Number(head), through: Number(through), trimmed: Number(trimmed), items }
}

/** Tells other fields from the same ones; no two that somebody could find have the same. */
export function hashOf({ data, event }: StoredItem['fields']): string {
  const hash = createHash('sha256').update(event === undefined ? 'data\n' : `event ${event}\n`)
  return hash.update(data).digest('base64url').slice(0, 24)
}
