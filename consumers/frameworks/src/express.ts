import { setTimeout as sleep } from 'node:timers/promises'
import type { AddressInfo } from 'node:net'
import express from 'express'
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

const app = express()
app.get('/clock', (req, res) => sendSse(req, res, ticks()))

const server = app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/clock`)
})
