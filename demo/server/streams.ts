import { setTimeout } from 'node:timers/promises'
import { SseItem, sendSse } from 'server-sent/node'
import { EVERY, heartRate } from './heart.js'
import type { Handler } from './http.js'
import { createMonitor } from './monitor.js'

// What stands between `snippet:` and `end` is shown on the page, under the card it makes.

// snippet: string-item
export const stringItem: Handler = (req, res) =>
  sendSse(req, res, ({ signal }) => texts(signal), { event: 'heartRate' })

async function* texts(signal: AbortSignal) {
  while (true) {
    yield `Heart Rate: ${heartRate()} bpm`
    await setTimeout(EVERY, undefined, { signal })
  }
}
// end

// snippet: json-item
export const jsonItem: Handler = (req, res) =>
  sendSse(req, res, ({ signal }) => records(signal), { event: 'heartRate' })

async function* records(signal: AbortSignal) {
  while (true) {
    yield { rate: heartRate(), timestamp: new Date() }
    await setTimeout(EVERY, undefined, { signal })
  }
}
// end

export const monitor = createMonitor()

// snippet: sse-item
export const sseItem: Handler = (req, res) =>
  sendSse(req, res, async function* ({ lastEventId, signal }) {
    for await (const { id, rate } of monitor.readings(lastEventId, signal)) {
      yield new SseItem(rate, { event: 'heartRate', id, retry: 60_000 })
    }
  })
// end
