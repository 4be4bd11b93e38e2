// What Node itself costs: one ready frame, HTTP's chunk framing included, given to every socket. No back-pressure, nothing joined.
import { createServer } from 'node:http'
import { serve } from './serve.mjs'

const readers = new Map()

const server = createServer((req, res) => {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
  res.flushHeaders()
  const { socket } = res
  for (const [, topic] of req.url.matchAll(/topic=(\w+)/g)) {
    if (!readers.has(topic)) readers.set(topic, new Set())
    const sockets = readers.get(topic).add(socket)
    res.on('close', () => sockets.delete(socket))
  }
})

serve(server, (topic, data) => {
  const text = `data: ${data}\n\n`
  const frame = Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)
  for (const socket of readers.get(topic) ?? []) socket.write(frame)
})
