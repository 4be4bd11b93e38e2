import { expect, test } from 'vitest'
import { startServer } from '../cli/process.js'
import { raw } from '../helpers/servers.js'

const publish = (number: number): string =>
  `POST /topics/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n${number}`

// As a proxy in front sends them, which doesn't repeat a publish that was sent.
test.each(['0', '1'])('a publish that was sent when SIGTERM comes is answered: the drain takes %s s', async (within) => {
  const server = await startServer('--drain-within', within)
  const port = Number(new URL(server.url).port)
  const [used, unused] = [await raw(port), await raw(port)]
  used.send('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  await used.until('"ok"')
  // It stands still while they are sent, and while it is told to stop: all of that is there when it goes on.
  server.signal('SIGSTOP')
  const clients = [used, unused, await raw(port)]
  clients.forEach(({ send }, at) => send(publish(at)))
  server.signal('SIGTERM')
  server.signal('SIGCONT')
  for (const { until } of clients) await until('HTTP/1.1 201 ')
  expect(await server.ended).toBe(0)
})
