// One contender, one case, one process: neither the other's types nor its garbage are in the way.
//   node bench/trial.mjs CONTENDER CASE MILLISECONDS    (CASE as JSON; prints JSON)
import { createParser } from 'eventsource-parser'
import { load } from './contenders.mjs'
import { checksumOf, chunksOf, itemsOf } from './inputs.mjs'

const [name, json, time] = process.argv.slice(2)
const of = JSON.parse(json)
const items = itemsOf(of)
const input = of.job === 'parse' ? chunksOf(of) : items
const run = await load(name, of)

console.log(JSON.stringify({ checksum: await checksum(), ...(await measure(Number(time))) }))

/** Of what it delivered: for a parser its items, for a formatter what a reader makes of its text. */
async function checksum() {
  const delivered = []
  if (of.job === 'parse') {
    await run(input, ({ data, event, id }) => delivered.push({ data, event, id }))
  } else {
    const reader = createParser({ onEvent: ({ data, event, id }) => delivered.push({ data, event, id }) })
    await run(input, (text) => reader.feed(text))
  }
  return checksumOf(delivered)
}

async function measure(time) {
  let sink = 0
  // Every field is read, the same of everybody, and formatted text as a whole: some make a rope, which costs only when it is used.
  // One sum of small integers: a sum that outgrows them costs as much as parsing a short item.
  const onItem = ({ data, event = 'message', id = '' }) => {
    sink = (sink + data.length + data.charCodeAt(data.length - 1) + event.length + id.length) | 0
  }
  const onText = (text) => {
    sink = (sink + text.length + text.charCodeAt(text.length - 3)) | 0
  }
  const out = of.job === 'parse' ? onItem : onText
  const times = []
  for (const end = performance.now() + time / 2; performance.now() < end;) await run(input, out)
  for (const end = performance.now() + time; performance.now() < end || times.length < 9;) {
    // The process's own time, its garbage collection included: what neighbours on the machine do is mostly not in it.
    const begun = process.cpuUsage()
    await run(input, out)
    const { user, system } = process.cpuUsage(begun)
    times.push(((user + system) * 1000) / items.length)
  }
  times.sort((a, b) => a - b)
  // Not the smallest: where CPU time is counted in ticks, a run may seem to have taken half its time.
  return { median: times[times.length >> 1], fastest: times[Math.floor(times.length / 10)], sink }
}
