// Ours, through the public API. Options of the hub as JSON in argv: `{ history, disk, ... }`.
import { createServer } from 'node:http'
import { createHub } from '../../../dist/hub/index.js'
import { sendSse } from '../../../dist/node.js'
import { serve } from './serve.mjs'

const { disk, history, ...options } = JSON.parse(process.argv[2] ?? '{}')
if (history) options.topics = { t0: { history } }
if (disk) {
  const { diskEngine } = await import('../../../dist/engines/disk/index.js')
  options.engine = diskEngine({ path: disk })
}
const hub = createHub(options)

const server = createServer((req, res) => {
  const topics = new URL(req.url, 'http://localhost').searchParams.getAll('topic')
  sendSse(req, res, hub.subscribe(topics)).catch((error) => {
    console.error(error)
    process.exit(1)
  })
})

serve(server, (topic, data) => hub.publish(topic, data))
