import { byteLength } from '../util/text.js'
import type { History, Page, ReadOptions, StoredItem } from './engine.js'

/** Drops the topic's oldest items, as many as its history doesn't keep, out of the array itself. Returns the topic. */
export function dropOld<T extends { readonly items: StoredItem[]; readonly history: History }>(topic: T): T {
  const { items, history } = topic
  const { size = Infinity, age = Infinity, bytes = Infinity } = history
  const since = Date.now() - age
  let held = bytes === Infinity ? 0 : items.reduce((sum, item) => sum + bytesOf(item), 0)
  let count = 0
  for (const item of items) {
    if (items.length - count <= size && held <= bytes && item.at >= since) break
    held -= bytesOf(item)
    count++
  }
  items.splice(0, count)
  return topic
}

/**
 * What a read answers of these items: those with `after < seq <= upTo`, as many as `limit` and `bytes` let through, but at least one.
 *
 * @param items of the topics that are read, all that are kept, ascending by `seq`
 * @param head the highest `seq` that was given
 */
export function cutPage(items: readonly StoredItem[], head: number, after: number, options: ReadOptions): Pick<Page, 'items' | 'through'> {
  const { upTo = head, limit, bytes } = options
  const end = Math.min(upTo, head)
  const found = items.filter(({ seq }) => seq > after && seq <= end)
  let size = 0
  const cut = found.findIndex((item, at) => at >= limit || ((size += bytesOf(item)) > bytes && at > 0))
  if (cut < 0) return { items: found, through: end }
  return { items: found.slice(0, cut), through: found[cut - 1]?.seq ?? Math.min(after, end) }
}

function bytesOf({ fields }: StoredItem): number {
  return byteLength(fields.data)
}
