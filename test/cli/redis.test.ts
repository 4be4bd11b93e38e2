import { connect } from 'server-sent/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { collect } from '../helpers/collect.js'
import { describeWithRedis, removeRedis, startRedis, type RedisServer } from '../helpers/redis.js'
import { runToEnd, startServer } from './process.js'

let redis: RedisServer
beforeAll(async () => void (redis = await startRedis()))
afterAll(removeRedis)

let hubs = 0
const newHub = (): string => `${redis.url}?hub=cli-${++hubs}`

async function publish(url: string, topic: string, data: string): Promise<string> {
  const answer = await fetch(`${url}/topics/${topic}`, { method: 'POST', body: data })
  expect(answer.status).toBe(201)
  return ((await answer.json()) as { id: string }).id
}

describeWithRedis('serve --engine redis://', () => {
  test('what is published on one server reaches the readers of the other, in order', async () => {
    const hub = newHub()
    const [a, b] = await Promise.all([startServer('--engine', hub), startServer('--engine', hub)])
    const readers = [a, b].map(({ url }) => collect(fetch(`${url}/events?topic=x&topic=y&from=earliest`), 60))
    for (let at = 0; at < 60; at++) await publish(at % 3 === 0 ? b.url : a.url, at % 2 ? 'x' : 'y', `${at}`)
    for (const reader of readers) expect((await reader).map(({ data }) => data)).toEqual(Array.from({ length: 60 }, (_, at) => `${at}`))
  })

  test('a client that loses its server goes on at the other one, with the same id and without a gap', async () => {
    const hub = newHub()
    const [a, b] = await Promise.all([startServer('--engine', hub), startServer('--engine', hub)])
    let at = a.url
    // As behind a load balancer: one address, whoever answers.
    const stream = connect(`${a.url}/events?topic=x&from=earliest`, {
      fetch: (url, init) => fetch(url.replace(a.url, at), init),
      reconnect: { min: 10, max: 100 },
    })
    const got: string[] = []
    const events: string[] = []
    const reading = (async () => {
      for await (const { data, event } of stream) {
        events.push(event)
        if (got.push(data) === 20) break
      }
    })()
    for (let n = 0; n < 10; n++) await publish(a.url, 'x', `${n}`)
    await expect.poll(() => got.length).toBe(10)
    const before = stream.lastEventId
    at = b.url
    a.signal('SIGKILL')
    await a.ended
    for (let n = 10; n < 20; n++) await publish(b.url, 'x', `${n}`)
    await reading
    expect(got).toEqual(Array.from({ length: 20 }, (_, n) => `${n}`))
    expect(new Set(events)).toEqual(new Set(['message']))
    expect(stream.lastEventId.split('-')[0]).toBe(before.split('-')[0])
  })

  test('several workers on one port, and what they stored is there at the next start', async () => {
    const hub = newHub()
    const server = await startServer('--engine', hub, '--workers', '2')
    for (let n = 0; n < 20; n++) await publish(server.url, 'x', `${n}`)
    server.signal('SIGTERM')
    expect([await server.ended, server.stderr()]).toEqual([0, ''])
    const later = await startServer('--engine', hub)
    const items = await collect(fetch(`${later.url}/events?topic=x&from=earliest`), 20)
    expect(items.map(({ data }) => data)).toEqual(Array.from({ length: 20 }, (_, n) => `${n}`))
  })

  test('hubs of other names are others', async () => {
    const [a, b] = await Promise.all([startServer('--engine', newHub()), startServer('--engine', newHub())])
    await publish(a.url, 'x', 'of a')
    await publish(b.url, 'x', 'of b')
    expect(await collect(fetch(`${b.url}/events?topic=x&from=earliest`), 1)).toMatchObject([{ data: 'of b' }])
  })

  describe('does not start', () => {
    test('where nobody answers: one line, without the password', async () => {
      const { code, stdout, stderr } = await runToEnd(['serve', '--port', '0', '--engine', 'redis://ann:geheim@127.0.0.1:1'])
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toMatch(/^server-sent serve: --engine redis: Can't open the hub in Redis: connect ECONNREFUSED 127\.0\.0\.1:1\n$/)
    })

    test('with a wrong password: one line, without it', async () => {
      const closed = await startRedis()
      await closed.send('CONFIG', 'SET', 'requirepass', 'secret')
      const url = closed.url.replace('//', '//:geheim@')
      const { code, stderr } = await runToEnd(['serve', '--port', '0', '--engine', url])
      expect(code).toBe(2)
      expect(stderr).toMatch(/^server-sent serve: --engine redis: .*password.*\n$/)
      expect(stderr).not.toContain('geheim')
    })
  })
})
