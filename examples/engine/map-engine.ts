import { SseError } from 'server-sent'
import type { Appended, Engine, History, StoredItem } from 'server-sent/engines'

export function mapEngine(): Engine {
  const epoch = Math.random().toString(36).slice(2)
  const topics = new Map<string, { head: number; history: History; items: StoredItem[] }>()
  const keys = new Map<string, { appended: Appended; text: string }>()
  const watchers = new Set<(items: readonly StoredItem[]) => void>()
  let head = 0
  let isClosed = false

  /** The topics that are selected, without the items that their histories no longer keep. */
  function select(selectors: Parameters<Engine['read']>[0]) {
    if (isClosed) throw new SseError('SSE_CLOSED', 'The engine is closed')
    const names = [...topics.keys()].filter((name) => selectors.some((one) => (typeof one === 'string' ? one === name : one.matches(name))))
    return names.map((name) => {
      const { head, history, items } = topics.get(name)!
      const { size = Infinity, age = Infinity, bytes = Infinity } = history
      let held = items.reduce((sum, item) => sum + bytesOf(item), 0)
      while (items[0] && (items.length > size || held > bytes || items[0].at < Date.now() - age)) held -= bytesOf(items.shift()!)
      return { items, trimmed: items[0]?.prev ?? head }
    })
  }

  return {
    supports: { durable: false, shared: false, transactions: false },
    open: async () => ({ epoch, head }),
    async append(topic, fields, { history, idempotencyKey }) {
      select([topic])
      const [key, text] = [`${topic}\n${idempotencyKey}`, JSON.stringify(fields)]
      const known = keys.get(key)
      if (known && known.text !== text) throw new SseError('SSE_CONFLICT', `\`idempotencyKey\` ${idempotencyKey} was used for another item`)
      if (known) return known.appended
      const { head: prev, items } = topics.get(topic) ?? { head: 0, items: [] }
      const item = { seq: ++head, prev, topic, fields, at: Date.now() }
      topics.set(topic, { head, history, items: [...items, item] })
      const appended = { epoch, seq: head, prev }
      if (idempotencyKey !== undefined) keys.set(key, { appended, text })
      for (const tell of watchers) Promise.resolve([item]).then(tell).catch(console.error)
      return appended
    },
    async read(selectors, after, { upTo = head, limit, bytes }) {
      const selected = select(selectors)
      const end = Math.min(upTo, head)
      const found = selected.flatMap(({ items }) => items.filter(({ seq }) => seq > after && seq <= end)).sort((a, b) => a.seq - b.seq)
      let size = 0
      const cut = found.findIndex((item, at) => at >= limit || ((size += bytesOf(item)) > bytes && at > 0))
      const items = cut < 0 ? found : found.slice(0, cut)
      const through = cut < 0 ? end : (items.at(-1)?.seq ?? Math.min(after, end))
      return { epoch, head, through, items, trimmed: Math.max(0, ...selected.map(({ trimmed }) => trimmed)) }
    },
    watch(onItems) {
      const tell = (items: readonly StoredItem[]): void => onItems(items, items.at(-1)?.seq ?? 0)
      watchers.add(tell)
      return () => watchers.delete(tell)
    },
    close: async () => void (isClosed = true),
  }
}

function bytesOf({ fields }: StoredItem): number {
  return Buffer.byteLength(fields.data)
}
