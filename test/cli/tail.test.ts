import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { start } from './process.js'

test('tail says in words why it comes back: of a server that hangs up, not the code of a library', { timeout: 60_000 }, async () => {
  const server = createServer((socket) => socket.once('data', () => socket.end())).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const tail = start(['tail', `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`])
  await tail.printed(/reconnecting in .*\n/)
  expect(tail.stderr()).toMatch(/^reconnecting in [\d.]+ s: [a-z]+ [a-z ]+\n/)
})
