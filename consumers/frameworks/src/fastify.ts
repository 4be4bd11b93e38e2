import { setTimeout as sleep } from 'node:timers/promises'
import { fastify } from 'fastify'
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

const app = fastify()
app.get('/clock', (request, reply) => {
  reply.hijack()
  return sendSse(request.raw, reply.raw, ticks())
})

console.log(`${await app.listen({ port: Number(process.env['PORT'] ?? 3000), host: '127.0.0.1' })}/clock`)
