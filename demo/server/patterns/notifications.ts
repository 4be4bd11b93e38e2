import { EventEmitter, once } from 'node:events'
import { SseItem, sendSse } from 'server-sent/node'
import { cursorOf } from '../cursor.js'
import { textOf, type Handler } from '../http.js'

const kept: { id: number; text: string; at: Date }[] = []
const posted = new EventEmitter().setMaxListeners(0)
const newest = () => kept.at(-1)?.id ?? 0

export const notify: Handler = async (req, res) => {
  kept.push({ text: await textOf(req), at: new Date(), id: Math.max(Date.now(), newest() + 1) })
  kept.splice(0, kept.length - 20)
  posted.emit('notification')
  res.writeHead(201).end()
}

export const notifications: Handler = (req, res) =>
  sendSse(req, res, async function* ({ lastEventId, signal }) {
    for (let seen = cursorOf(lastEventId, newest()) ?? 0; ;) {
      const next = kept.find(({ id }) => id > seen)
      if (next) yield new SseItem(next, { event: 'notification', id: (seen = next.id) })
      else await once(posted, 'notification', { signal })
    }
  })
