import { SseError } from 'server-sent'
import { createWatchers, cutPage, dropOld, type Appended, type Engine, type History, type StoredItem } from 'server-sent/engines'

export function mapEngine(): Engine {
  const epoch = Math.random().toString(36).slice(2)
  const topics = new Map<string, { head: number; history: History; items: StoredItem[] }>()
  const keys = new Map<string, { appended: Appended; text: string }>()
  const { watch, tell } = createWatchers()
  let head = 0
  let isClosed = false

  function select(selectors: Parameters<Engine['read']>[0]) {
    if (isClosed) throw new SseError('SSE_CLOSED', 'The engine is closed')
    const names = [...topics.keys()].filter((name) => selectors.some((one) => (typeof one === 'string' ? one === name : one.matches(name))))
    return names.map((name) => dropOld(topics.get(name)!))
  }

  return {
    supports: { durable: false, shared: false, transactions: false },
    open: async () => ({ epoch, head }),
    async append(topic, fields, { history, idempotencyKey }) {
      const [{ head: prev, items } = { head: 0, items: [] }] = select([topic])
      const [key, text] = [`${topic}\n${idempotencyKey}`, JSON.stringify(fields)]
      const known = keys.get(key)
      if (known && known.text !== text) throw new SseError('SSE_CONFLICT', `\`idempotencyKey\` ${idempotencyKey} was used for another item`)
      if (known) return known.appended
      const appended = { epoch, seq: ++head, prev }
      const item = { seq: head, prev, topic, fields, at: Date.now() }
      topics.set(topic, { head, history, items: [...items, item] })
      if (idempotencyKey !== undefined) keys.set(key, { appended, text })
      tell([item])
      return appended
    },
    async read(selectors, after, options) {
      const selected = select(selectors)
      const trimmed = Math.max(0, ...selected.map(({ head, items }) => items[0]?.prev ?? head))
      const items = selected.flatMap(({ items }) => items).sort((a, b) => a.seq - b.seq)
      return { epoch, head, trimmed, ...cutPage(items, head, after, options) }
    },
    watch,
    close: async () => void (isClosed = true),
  }
}
