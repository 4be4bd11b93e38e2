// What is published and how: so many publishers beside each other, each of which waits until its item is stored.
import { setImmediate } from 'node:timers/promises'

/**
 * Items that say who they are: number in the hub, topic, number in the topic, when they were published, their size. Who follows all topics
 * by a pattern has to get the whole hub in its order: `asOne` numbers it as one topic.
 */
export function createItems(topics) {
  const numbers = Array.from({ length: topics }, () => 0)
  let published = 0
  return {
    next({ size, stamp, asOne }) {
      // Neighbours in time are no neighbours in number: who follows t1 and t2 shall not find both in one turn because of that.
      const topic = (published++ * 611) % topics
      const number = ++numbers[topic]
      const said = asOne ? `${published} 0 ${published}` : `${published} ${topic} ${number}`
      return { topic: `t${topic}`, data: `${`${said} ${stamp} ${size} `.padEnd(size - 1, '.')};` }
    },
  }
}

/**
 * Stores `count` items, or as many as begin within so many milliseconds, in whole steps of `step`: `inFlight` publishers, each of which awaits
 * its item before it stores the next. `waits` are the microseconds that each took, sorted.
 */
export async function publishAll(store, { inFlight, count, within, step = 1 }) {
  const waits = new Float64Array(count)
  const begun = performance.now()
  let started = 0
  let stored = 0
  let isOver = false
  let answered = 0
  let turn

  // Publishers live on what comes from sockets: one that is answered at once has to wait for the next look at them, like all.
  async function rest() {
    await setImmediate()
    answered = 0
    turn = undefined
  }

  async function publisher() {
    for (;;) {
      isOver ||= started === count || (started % step === 0 && started > 0 && performance.now() - begun > within)
      if (isOver) return
      started++
      const asked = performance.now()
      await store()
      waits[stored++] = (performance.now() - asked) * 1000
      if (++answered >= inFlight) await (turn ??= rest())
    }
  }

  await Promise.all(Array.from({ length: inFlight }, publisher))
  return { count: stored, time: performance.now() - begun, waits: waits.subarray(0, stored).sort() }
}

export function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
