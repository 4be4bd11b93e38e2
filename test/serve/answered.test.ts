import { once } from 'node:events'
import { request } from 'node:http'
import { Agent } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { startServer } from '../cli/process.js'
import { sleep } from '../helpers/servers.js'

/** Publishes on a connection of the agent's. Answers the status, or what went wrong. */
async function publish(url: string, agent: Agent | false): Promise<number | string> {
  const req = request(`${url}/topics/a`, { method: 'POST', agent })
  req.end('x')
  try {
    const [res] = await once(req, 'response')
    res.resume()
    await once(res, 'end')
    return res.statusCode
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

test('publishes that have reached a server, taken or not, are answered before SIGTERM ends it', async () => {
  const server = await startServer('--port', '0', '--drain-within', '0')
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  expect(await publish(server.url, agent)).toBe(201)
  // It stands still, as on a busy machine: the system takes connections in its name.
  server.signal('SIGSTOP')
  const publishes = [publish(server.url, agent), ...Array.from({ length: 20 }, () => publish(server.url, false))]
  await sleep(200)
  server.signal('SIGTERM')
  server.signal('SIGCONT')
  expect(new Set(await Promise.all(publishes))).toEqual(new Set([201]))
  expect(await server.ended).toBe(0)
})

test('one who publishes all the time does not keep it from ending', async () => {
  const server = await startServer('--port', '0', '--drain-within', '0')
  const state = { isOver: false }
  const publisher = (async () => {
    while (!state.isOver) {
      await publish(server.url, false)
      await sleep(10)
    }
  })()
  server.signal('SIGTERM')
  expect(await server.ended).toBe(0)
  state.isOver = true
  await publisher
})
