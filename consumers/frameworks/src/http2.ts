import { createServer } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AddressInfo } from 'node:net'
import { sendSse } from 'server-sent/node'

async function* ticks() {
  try {
    for (let tick = 1; ; tick++) {
      yield { tick }
      await sleep(50)
    }
  } finally {
    console.log('left')
  }
}

// Without TLS, so that it runs as it is; browsers speak HTTP/2 only over TLS (createSecureServer), the handler stays the same.
const server = createServer((req, res) => {
  if (req.url === '/clock') return void sendSse(req, res, ticks())
  res.writeHead(404).end()
})

server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/clock`)
})
