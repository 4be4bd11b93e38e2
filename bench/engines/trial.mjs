// One engine, measured in a process of its own, with a second node in another one where the store may be shared.
//   node bench/engines/trial.mjs '{"store":{...},"count":...}'     prints JSON
//   node bench/engines/trial.mjs '{"store":{...},"follow":true}'   the other node: says `ready`, then the numbers that came, and when
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createHub } from '../../dist/hub/index.js'
import { now } from '../fanout/servers/serve.mjs'
import { publishAll, quantile } from '../publish/lanes.mjs'
import { engineOf } from './stores.mjs'

const given = JSON.parse(process.argv[2])
const { store, size } = given
const history = { size: 1_000_000, bytes: 2 ** 30 }
const begin = async () => {
  const hub = createHub({ engine: await engineOf(store), topics: { '**': { history } } })
  await hub.ready
  return hub
}

// A loop over a subscription alone keeps no process running.
setInterval(() => {}, 60_000)
if (given.follow) await follow()
else console.log(JSON.stringify(await measure()))
process.exit()

async function measure() {
  const hub = await begin()
  const faults = []
  // 1. Publishes: so many wait at the same time.
  await publishAll(() => hub.publish('warm', text(0)), { inFlight: given.inFlight, count: given.count / 5, within: 5_000 })
  const { count, time, waits } = await publishAll(() => hub.publish('p', text(0)), {
    inFlight: given.inFlight,
    count: given.count,
    within: given.within,
  })

  // 2. From publish() to the subscriber's loop, on another node where there can be one.
  const { late, missing } = store.engine === 'memory' ? await deliverHere(hub) : await deliverThere(hub)
  if (missing > 0) faults.push(`${missing} items not delivered`)

  // 3. A client that is so many items behind, on a node that has just begun: all from the store.
  const first = (await hub.publish('r', text(0))).id
  await Promise.all(Array.from({ length: given.behind }, (_, number) => hub.publish('r', text(number + 1))))
  const fresh = store.engine === 'memory' ? hub : (await hub.close(), await begin())
  const asked = performance.now()
  let expected = 1
  for await (const item of fresh.subscribe('r', { lastEventId: first })) {
    const number = Number(item.data.split(' ', 1)[0])
    if (item.event === 'gap' || number !== expected++) faults.push(`resume: ${item.event} ${number}`)
    if (expected > given.behind || faults.length > 9) break
  }
  const resume = (performance.now() - asked) * 1000
  return {
    perSecond: (count / time) * 1000,
    publishP50: quantile(waits, 0.5),
    publishP99: quantile(waits, 0.99),
    p50: quantile(late, 0.5),
    p99: quantile(late, 0.99),
    resume,
    faults,
  }
}

/** At a calm pace: what is measured is the way, not a queue. */
async function publishCalmly(hub) {
  const answers = []
  for (let number = 0; number < given.calm; number++) {
    answers.push(hub.publish('d', text(now())))
    await setTimeout(4)
  }
  await Promise.all(answers)
}

async function deliverHere(hub) {
  const late = []
  const done = (async () => {
    for await (const { data } of hub.subscribe('d')) {
      late.push(now() - Number(data.split(' ', 1)[0]))
      if (late.length === given.calm) break
    }
  })()
  await publishCalmly(hub)
  await Promise.race([done, setTimeout(5_000, undefined, { ref: false })])
  return { late: late.sort((a, b) => a - b), missing: given.calm - late.length }
}

async function deliverThere(hub) {
  const args = [fileURLToPath(import.meta.url), JSON.stringify({ ...given, follow: true })]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  const said = []
  lines.on('line', (line) => said.push(line))
  await once(lines, 'line')
  await publishCalmly(hub)
  await once(child, 'close')
  const late = JSON.parse(said[1])
  return { late: late.sort((a, b) => a - b), missing: given.calm - late.length }
}

async function follow() {
  const hub = await begin()
  const late = []
  const items = hub.subscribe('d')[Symbol.asyncIterator]()
  const pending = items.next()
  await setTimeout(300)
  console.log('ready')
  const end = performance.now() + given.calm * 4 + 15_000
  for (let next = pending; late.length < given.calm; next = items.next()) {
    const item = await Promise.race([next, setTimeout(end - performance.now(), undefined, { ref: false })])
    if (!item) break
    late.push(now() - Number(item.value.data.split(' ', 1)[0]))
  }
  console.log(JSON.stringify(late))
}

function text(number) {
  return `${number} `.padEnd(size, '.')
}
