// npm ci && npm run build, and with Node 22.18 or newer: node examples/hub.ts; then: curl -N 'http://localhost:3000/events?topic=ticks&from=earliest'
import { createServer } from 'node:http'
import { createHub, pattern } from 'server-sent/hub'
import { nodeHandler } from 'server-sent/node'

const hub = createHub({ authorize: () => ({ read: pattern('**') }) })

let tick = 0
setInterval(() => hub.publish('ticks', { tick: ++tick }), 1000).unref()

export const server = createServer(nodeHandler(hub))

server.listen(Number(process.env['PORT'] ?? 3000))
