import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { connect } from 'server-sent/client'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { startServer, type Server } from '../cli/process.js'
import { newFolder, removeFolders } from '../helpers/folders.js'
import { sleep, when } from '../helpers/servers.js'

/** A stream of the server, read on its own socket. */
async function open(url: string): Promise<IncomingMessage> {
  const req = request(`${url}/events?topic=a`, { agent: false })
  req.on('error', () => {})
  req.end()
  const [response] = (await once(req, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  response.resume()
  onTestFinished(() => void req.destroy())
  return response
}

afterAll(removeFolders)

describe('SIGTERM', () => {
  test(
    '1,000 readers go to another process on the same store, spread over the time, and none loses an item',
    { timeout: 400_000 },
    async () => {
      const within = 8000
      const store = ['--engine', `disk:${newFolder()}`]
      const leaving = await startServer(...store, '--drain-within', String(within / 1000))
      const staying = await startServer(...store)
      // What a load balancer does: new connections go where /health is well.
      let target: Server = leaving
      const clients = Array.from({ length: 1000 }, () => {
        const seen: number[] = []
        const client = {
          seen,
          left: 0,
          stream: connect(
            `${leaving.url}/events?topic=a`,
            options(() => (client.left = performance.now())),
          ),
        }
        void (async () => {
          for await (const { event, data } of client.stream) seen.push(event === 'gap' ? NaN : Number(data))
        })().catch(() => seen.push(NaN))
        return client
      })
      onTestFinished(() => clients.forEach(({ stream }) => stream.close()))
      function options(onReconnect: () => void) {
        return {
          fetch: (url: string, init: RequestInit) => fetch(url.replace(leaving.url, target.url), init),
          reconnect: { min: 100, max: 2000 },
          onReconnect,
        }
      }
      await when(
        () => clients.every(({ stream }) => stream.lastEventId !== ''),
        () => `${clients.filter(({ stream }) => stream.lastEventId !== '').length} open`,
        120_000,
      )

      let published = 0
      /** With a key: what the one that leaves may have stored, or not, is repeated at the other. */
      const publish = async (to: Server): Promise<void> => {
        const body = String(published + 1)
        const response = await fetch(`${to.url}/topics/a`, { method: 'POST', body, headers: { 'idempotency-key': body } }).catch(
          (error: unknown) => {
            if (to === staying) throw error
          },
        )
        const said = await response?.text()
        if (response?.status === 201) published++
        else if (to === leaving) await publish(staying)
        else throw new Error(`${response?.status}: ${said}`)
      }
      await publish(leaving)
      const begun = performance.now()
      target = staying
      const state = { hasEnded: false }
      void leaving.ended.then(() => (state.hasEnded = true))
      leaving.signal('SIGTERM')
      // Where this test was stopped for so long that the other is gone, there is nothing to see.
      const health = async (): Promise<number> =>
        (await fetch(`${leaving.url}/health`).catch(() => ({ status: state.hasEnded ? 503 : 200 }))).status
      let status = await health()
      while (status === 200) status = await health()
      expect(status).toBe(503)
      // Through both processes, as long as both are there.
      while (!state.hasEnded) {
        await publish(published % 2 === 1 ? leaving : staying)
        await sleep(100)
      }
      expect(await leaving.ended).toBe(0)
      expect(leaving.stderr()).toBe('')
      await publish(staying)
      await when(
        () => clients.every(({ seen }) => seen.length === published),
        () => `${clients.filter(({ seen }) => seen.length !== published).length} of 1,000 have not ${published} items`,
        120_000,
      )
      const all = Array.from({ length: published }, (_, n) => n + 1)
      for (const { seen } of clients) expect(seen).toEqual(all)
      // On a busy machine an end may be seen late; none comes before its time.
      const ends = clients.map(({ left }) => left - begun).sort((a, b) => a - b)
      ends.forEach((end, index) => expect(end).toBeGreaterThanOrEqual((index / 1000) * within))
      const tenth = (time: number): number => Math.min(9, Math.floor((time / within) * 10))
      const counts = Array.from({ length: 10 }, (_, n) => ends.filter((end) => tenth(end) === n).length)
      console.log(`1,000 readers left in tenths of ${within} ms: ${counts.join(' ')}; ${published} items each`)
    },
  )

  test('with nobody there it ends at once', async () => {
    const server = await startServer('--drain-within', '60')
    const begun = performance.now()
    server.signal('SIGTERM')
    expect(await server.ended).toBe(0)
    expect(performance.now() - begun).toBeLessThan(30_000)
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('a %s after it ends what it had begun, at once', async (second) => {
    const server = await startServer('--drain-within', '60')
    const streams = await Promise.all(Array.from({ length: 10 }, () => open(server.url)))
    server.signal('SIGTERM')
    await when(() => streams.some(({ complete }) => complete))
    expect(streams.filter(({ complete }) => complete).length).toBeLessThan(5)
    const begun = performance.now()
    server.signal(second)
    expect(await server.ended).toBe(0)
    expect(performance.now() - begun).toBeLessThan(30_000)
    expect(server.stderr()).toBe('')
  })

  test('SIGINT does not wait', async () => {
    const server = await startServer('--drain-within', '60')
    await Promise.all([open(server.url), open(server.url)])
    server.signal('SIGINT')
    const begun = performance.now()
    expect(await server.ended).toBe(0)
    expect(performance.now() - begun).toBeLessThan(30_000)
  })
})
