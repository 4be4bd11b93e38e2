import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { sse } from 'server-sent'

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

const app = new Hono()
app.get('/clock', (c) => sse(ticks(), { request: c.req.raw }))

serve({ fetch: app.fetch, port: Number(process.env['PORT'] ?? 3000), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`http://127.0.0.1:${port}/clock`)
})
