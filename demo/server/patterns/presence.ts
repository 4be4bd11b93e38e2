import { EventEmitter, once } from 'node:events'
import { SseItem, sendSse } from 'server-sent/node'
import type { Handler } from '../http.js'
import { nameFor } from '../names.js'

let here: readonly string[] = []
const changes = new EventEmitter().setMaxListeners(0)
const change = (now: readonly string[]) => changes.emit('change', (here = now))

// The visitor's name is the id, so that a reconnect brings it back.
export const presence: Handler = (req, res) =>
  sendSse(req, res, ({ lastEventId, signal }) => visit(nameFor(lastEventId, here), signal))

async function* visit(name: string, signal: AbortSignal) {
  change([...here, name])
  try {
    yield new SseItem(name, { event: 'you', id: name })
    for (let seen; ; yield (seen = here)) {
      if (seen === here) await once(changes, 'change', { signal })
    }
  } finally {
    change(here.filter((other) => other !== name))
  }
}
