// npm ci && npm run build, and with Node 22.18 or newer: node examples/node-http.ts; then: curl -N http://localhost:3000/
import { createServer } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { sendSse } from 'server-sent/node'

async function* ticks(signal: AbortSignal) {
  for (let tick = 1; ; tick++) {
    yield { tick }
    await setTimeout(1000, undefined, { signal })
  }
}

export const server = createServer((req, res) => sendSse(req, res, ({ signal }) => ticks(signal)))

server.listen(Number(process.env['PORT'] ?? 3000))
