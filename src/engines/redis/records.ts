import { createHash } from 'node:crypto'
import type { Page, Passed, ReadOptions, StoredItem } from '../engine.js'

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

/** A page of some of the selected topics, and what to ask for the next ones; nothing when it is of all. */
export function decodePage(reply: unknown): { readonly page: Page; readonly next: string } {
  const [epoch = '', head, through, trimmed, next = '', ...rest] = reply as readonly string[]
  const items: StoredItem[] = []
  for (let at = 0; at < rest.length; at += 4) {
    const [seq = '', topic = '', h = '', data = ''] = rest.slice(at, at + 4)
    items.push(itemOf(seq, topic, h, data))
  }
  return { page: { epoch, head: Number(head), through: Number(through), trimmed: Number(trimmed), items }, next }
}

/** Two pages of different topics, read with the same `limit` and `bytes`, the second no further than the first, as one. */
export function joined(one: Page, two: Page, { limit, bytes }: Pick<ReadOptions, 'limit' | 'bytes'>): Page {
  // A topic that got an item in between may be in both.
  const bySeq = new Map([...one.items, ...two.items].map((item) => [item.seq, item]))
  const all = [...bySeq.values()].filter(({ seq }) => seq <= two.through).sort((a, b) => a.seq - b.seq)
  let size = 0
  const end = all.findIndex(({ fields: { data } }, at) => at >= limit || ((size += data.length) > bytes && at > 0))
  const items = end < 0 ? all : all.slice(0, end)
  const through = end < 0 ? two.through : (items.at(-1)?.seq ?? 0)
  return { ...one, through, trimmed: Math.max(one.trimmed, two.trimmed), items }
}

/** Tells other fields from the same ones; no two that somebody could find have the same. */
export function hashOf({ data, event }: StoredItem['fields']): string {
  const hash = createHash('sha256').update(event === undefined ? 'data\n' : `event ${event}\n`)
  return hash.update(data).digest('base64url').slice(0, 24)
}
