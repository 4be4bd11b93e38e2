// A hub that publishes to itself and has its readers on sockets, or a bare file. Options as JSON in argv: { engine, path, topics, asOne, kept }.
//
// Lines on stdin: `publish INFLIGHT COUNT WITHIN SIZE`, answered with JSON. The end of stdin ends it.
import { open } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createHub, pattern } from '../../dist/hub/index.js'
import { sendSse } from '../../dist/node.js'
import { now } from '../fanout/servers/serve.mjs'
import { createItems, publishAll, quantile } from './lanes.mjs'

const { engine, path, topics, asOne, kept } = JSON.parse(process.argv[2])
const items = createItems(topics)

// With a profile asked for, it is written by an orderly end.
process.on('SIGTERM', () => process.exit())
if (engine === 'file') answerWith(await appendToFile(join(path, 'file')))
else await serveHub()

async function serveHub() {
  const history = { size: kept / topics, bytes: 2 ** 30 }
  const hub = createHub({ ...(await engineOf()), topics: { '**': { history } } })
  const server = createServer((req, res) => {
    const names = new URL(req.url, 'http://localhost').searchParams.getAll('topic')
    sendSse(req, res, hub.subscribe(asOne ? pattern('**') : names)).catch((error) => {
      console.error(error)
      process.exit(1)
    })
  })
  server.listen(0, '127.0.0.1', () => {
    console.log(`ready ${server.address().port}`)
    answerWith((topic, data) => hub.publish(topic, data))
  })
}

async function engineOf() {
  if (engine === 'memory') return {}
  const { diskEngine } = await import('../../dist/engines/disk/index.js')
  return { engine: diskEngine({ path, durability: engine }) }
}

function answerWith(store) {
  if (engine === 'file') console.log('ready 0')
  createInterface({ input: process.stdin })
    .on('line', (line) => void publish(...line.split(' ').slice(1).map(Number)))
    .on('close', () => process.exit())

  async function publish(inFlight, count, within, size) {
    const next = () => {
      const { topic, data } = items.next({ size, stamp: now(), asOne })
      return store(topic, data)
    }
    // As many to each topic, so that each reader waits for as many.
    const { waits, ...result } = await publishAll(next, { inFlight, count, within, step: topics })
    console.log(JSON.stringify({ said: 'published', ...result, p50: quantile(waits, 0.5), p99: quantile(waits, 0.99) }))
  }
}

/** What the disk can do: items that come while one write is synced are written and synced together. */
async function appendToFile(name) {
  const file = await open(name, 'a')
  let batch = { lines: [], synced: undefined }
  let last = Promise.resolve()
  return (topic, data) => {
    batch.lines.push(`${topic} ${data}\n`)
    batch.synced ??= last = last.then(async () => {
      const { lines } = batch
      batch = { lines: [], synced: undefined }
      await file.write(lines.join(''))
      await file.sync()
    })
    return batch.synced
  }
}
