// What the servers written for Node share: listening, and items published on a schedule that the runner asks for.
//
// Lines on stdin: `publish RATE COUNT SIZE TOPICS`, `collect` (a garbage collection). The end of stdin ends it.
import { createInterface } from 'node:readline'
import { setImmediate, setTimeout } from 'node:timers/promises'

/** Listens on a free port of the loopback address and serves the runner. `publish` is called with a topic and a text. */
export function serve(server, publish) {
  // The default of 511 would make the rest of 5,000 clients that come at once wait a second for TCP's next try.
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(`ready ${server.address().port}`))
  const items = createItems()
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const [command, ...numbers] = line.split(' ')
      if (command === 'publish') void publishAll(publish, items, ...numbers.map(Number)).then(() => console.log('published'))
      if (command === 'collect') {
        globalThis.gc()
        console.log('collected')
      }
    })
    .on('close', () => process.exit())
}

/**
 * Publishes `count` items at `rate` per second. They are stamped with the moment in which they are due, not with that in which
 * a busy server gets round to them: else the time that they wait for their turn would be nobody's.
 */
export async function publishAll(publish, items, rate, count, size, topics) {
  const begun = now()
  const answers = []
  for (let done = 0; done < count;) {
    const late = now() - begun
    const due = Math.min(count, Math.floor((late * rate) / 1e6) + 1)
    for (; done < due; done++) {
      const { topic, data } = items.next(topics, size, begun + Math.round((done * 1e6) / rate))
      answers.push(publish(topic, data))
    }
    const wait = (done * 1e6) / rate - (now() - begun)
    if (done < count) await (wait > 0 ? setTimeout(Math.ceil(wait / 1000)) : setImmediate())
  }
  await Promise.all(answers)
}

/** Items that say who they are: number in the hub, topic, number in the topic, when they were due, their size. */
export function createItems() {
  const numbers = []
  let published = 0
  return {
    next(topics, size, stamp) {
      // Neighbours in time are no neighbours in number: who follows t1 and t2 shall not find both in one turn because of that.
      const topic = (published * 611) % topics
      const number = (numbers[topic] ?? 0) + 1
      numbers[topic] = number
      published++
      return { topic: `t${topic}`, data: `${`${published} ${topic} ${number} ${stamp} ${size} `.padEnd(size - 1, '.')};` }
    },
  }
}

/** Microseconds of the clock that all processes of a machine share. */
export function now() {
  return Number(process.hrtime.bigint() / 1000n)
}
