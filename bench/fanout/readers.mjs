// The load generator's handle: readers.c counts, checks and times; this asks it.
import { start } from './processes.mjs'

/** Connects `connections` readers and resolves when each has the head of its response. */
export async function startReaders(program, port, { connections, topics = 1, follow = 1, first = 1, atOnce = 256, lastEventId = '' }) {
  const readers = start(program, [port, connections, topics, follow, first, atOnce, lastEventId].map(String))
  const begun = Number(process.hrtime.bigint() / 1000n)
  try {
    if (atOnce < connections) await readers.said(/"open"/, { within: 60_000 })
  } catch (error) {
    await readers.stop()
    throw error
  }
  return {
    begun,
    pid: readers.pid,
    /** Resolves with the moment in which every reader has had `items` items. */
    async reached(items, { within }) {
      readers.say(`goal ${items}`)
      return JSON.parse(await readers.said(/"goal"/, { within })).at
    },
    async report() {
      readers.say('report')
      return JSON.parse(await readers.said(/"report"/))
    },
    reset: () => readers.say('reset'),
    stall: () => readers.say('stall'),
    resume: () => readers.say('resume'),
    stop: readers.stop,
  }
}
