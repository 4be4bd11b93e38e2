import type { Server } from 'node:http'
import { connect } from 'server-sent/client'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { memoryEngine } from '../../src/engines/memory.js'
import { createHub, pattern, type Grant, type Hub, type HubOptions } from '../../src/hub/index.js'
import type { SseItem } from '../../src/index.js'
import { nodeHandler } from '../../src/node.js'
import { raw, serve, sleep, when, type Listening, type RawClient } from '../helpers/servers.js'

type Options = HubOptions<unknown, SseItem<string>>

interface Served extends Listening<Server> {
  readonly hub: Hub
}

async function served(options: Options): Promise<Served> {
  const hub = createHub(options)
  onTestFinished(() => hub.close())
  return { hub, ...(await serve((req, res) => void nodeHandler(hub)(req, res))) }
}

/** The user whose name is the token. */
const byToken = ({ headers }: Request): string => headers.get('authorization')?.replace('Bearer ', '') ?? ''

/** A reader on a socket of its own. */
async function follow(port: number, { token = 'ann', topics = ['a'], lastEventId = '', from = '' } = {}): Promise<RawClient> {
  const client = await raw(port)
  const query = `${topics.map((topic) => `topic=${topic}`).join('&')}${from && `&from=${from}`}`
  const headers = `Host: hub.test\r\nAuthorization: Bearer ${token}\r\n${lastEventId && `Last-Event-ID: ${lastEventId}\r\n`}`
  client.send(`GET /events?${query} HTTP/1.1\r\n${headers}\r\n`)
  return client
}

const isAllowed = (request: Request): Grant => ({ principal: byToken(request), read: pattern('**') })

describe('a grant', () => {
  test('is asked for anew at each resume: what is no longer allowed is refused, whole and by its name', async () => {
    let read: readonly string[] = ['a', 'b']
    const { hub, port } = await served({ authorize: () => ({ read }) })
    const first = await follow(port, { topics: ['a', 'b'] })
    await first.until(/id: \S+/)
    const [, lastEventId] = /id: (\S+)/.exec(first.text())!
    first.socket.destroy()
    await hub.publish('a', 'one')
    read = ['a']
    const again = await follow(port, { topics: ['a', 'b'], lastEventId })
    await again.until('"code":"FORBIDDEN"')
    expect(again.text()).toMatch(/^HTTP\/1\.1 403 /)
    expect(again.text()).toContain(String.raw`Not allowed to read \"b\"`)
    expect(again.text()).not.toContain('one')
  })

  test('that expires ends its stream; connect() comes back with a new token, and misses nothing', async () => {
    const tokens: string[] = []
    const { hub, url } = await served({
      authorize(request) {
        tokens.push(byToken(request))
        return { read: 'a', expiresAt: new Date(Date.now() + 150) }
      },
    })
    let count = 0
    const stream = connect(`${url}/events?topic=a`, {
      headers: () => ({ authorization: `Bearer token-${++count}` }),
      reconnect: { min: 1, max: 10 },
    })
    onTestFinished(() => stream.close())
    const seen: string[] = []
    const loop = (async () => {
      for await (const { data } of stream) if (seen.push(data) === 40) break
    })()
    await when(() => stream.lastEventId !== '')
    for (let n = 0; n < 40; n++) {
      await hub.publish('a', String(n))
      await sleep(15)
    }
    await loop
    expect(seen).toEqual(Array.from({ length: 40 }, (_, n) => String(n)))
    expect(tokens.length).toBeGreaterThan(2)
    expect(tokens).toEqual(tokens.map((_, index) => `token-${index + 1}`))
  })

  test('that has expired while connect() was away is a 401, which it answers with a new token', async () => {
    const { hub, url } = await served({ authorize: (request) => (byToken(request) === 'new' ? { read: 'a' } : undefined) })
    const given: string[] = []
    const stream = connect(`${url}/events?topic=a&from=earliest`, {
      headers: () => ({ authorization: `Bearer ${given.push('') === 1 ? 'old' : 'new'}` }),
    })
    await hub.publish('a', 'x')
    for await (const { data } of stream) {
      expect(data).toBe('x')
      break
    }
    expect(given).toHaveLength(2)
  })

  test('that expires while a body comes byte by byte publishes nothing', async () => {
    const authorize = vi.fn<() => Grant>(() => ({ write: 'a', expiresAt: new Date(Date.now() + 60) }))
    const { hub, port } = await served({ authorize })
    const client = await raw(port)
    client.send('POST /topics/a HTTP/1.1\r\nHost: hub.test\r\nContent-Length: 3\r\n\r\nab')
    await when(() => authorize.mock.calls.length === 1)
    await sleep(120)
    client.send('c')
    await client.until('"code":"UNAUTHORIZED"')
    expect(hub.stats().published).toBe(0)
  })
})

describe('revoke', () => {
  test('ends the streams of the principal at once, and nobody else’s; what is published after it isn’t sent', async () => {
    const { hub, port } = await served({ authorize: isAllowed })
    const clients = await Promise.all(['ann', 'ann', 'bob'].map((token) => follow(port, { token })))
    for (const client of clients) await client.until('id: ')
    await hub.publish('a', 'before')
    for (const client of clients) await client.until('before')
    hub.revoke('ann')
    expect(hub.stats().connections).toBe(1)
    // In the same turn: nothing has been told to the clients yet.
    await hub.publish('a', 'after')
    await clients[2]?.until('after')
    for (const ann of clients.slice(0, 2)) {
      await ann.closed()
      expect(ann.text()).not.toContain('after')
    }
  })

  test('also what was published and is not yet written stays unwritten', async () => {
    const { hub, port } = await served({ authorize: isAllowed })
    const client = await follow(port)
    await client.until('id: ')
    const published = hub.publish('a', 'late')
    hub.revoke('ann')
    await published
    await client.closed()
    expect(client.text()).not.toContain('late')
  })

  test('a socket that has stalled is cut off: it reads nothing of what is published after', async () => {
    const { hub, port, sockets } = await served({ authorize: isAllowed, topics: { a: { history: { bytes: 100e6 } } } })
    const client = await follow(port)
    await client.until('id: ')
    client.socket.pause()
    // More than the kernel takes, so that it lags.
    for (let n = 0; n < 200; n++) {
      await hub.publish('a', `${n}:${'x'.repeat(100_000)}`)
      if (n % 20 === 0) await sleep(1)
    }
    hub.revoke('ann')
    for (let n = 0; n < 10; n++) await hub.publish('a', 'after')
    // It isn't waited for until it reads what it still has to.
    // Half of the time after which it would be given up anyway.
    await when(() => sockets[0]?.destroyed === true, undefined, 15_000)
    client.socket.resume()
    await client.closed()
    expect(client.text()).toContain('data: 0:')
    expect(client.text()).not.toContain('after')
  })

  test('a reader in the middle of catching up gets no more pages', async () => {
    const engine = memoryEngine()
    const gate: { open?: Promise<void> } = {}
    let reads = 0
    const { hub, port } = await served({
      authorize: isAllowed,
      engine: {
        ...engine,
        async read(...args) {
          const page = await engine.read(...args)
          reads++
          await gate.open
          return page
        },
      },
    })
    const { id } = await hub.publish('a', 'zero')
    for (let n = 0; n < 20; n++) await hub.publish('a', `secret ${n}`)
    let open = (): void => {}
    gate.open = new Promise((resolve) => (open = resolve))
    const client = await follow(port, { lastEventId: id! })
    await client.until('id: ')
    await when(() => reads > 0)
    hub.revoke('ann')
    open()
    await client.closed()
    expect(client.text()).not.toContain('secret')
    expect(hub.stats().connections).toBe(0)
  })

  test('a request that waits in authorize is asked for again, and goes by the new answer', async () => {
    const answers: ((grant: Grant | undefined) => void)[] = []
    const { hub, port } = await served({ authorize: () => new Promise((resolve) => answers.push(resolve)) })
    const ann = { principal: 'ann', read: 'a', write: 'a' }
    const client = await follow(port)
    await when(() => answers.length === 1)
    hub.revoke('ann')
    answers[0]?.(ann)
    await when(() => answers.length === 2)
    answers[1]?.(undefined)
    await client.until('"code":"UNAUTHORIZED"')
    expect(hub.stats().connections).toBe(0)
    // Of another, who is revoked meanwhile, it is not asked twice.
    const other = await follow(port)
    await when(() => answers.length === 3)
    hub.revoke('bob')
    answers[2]?.(ann)
    await other.until('id: ')
    expect(answers).toHaveLength(3)
  })

  test('who is revoked each time that it is asked is refused in the end', async () => {
    const authorize = vi.fn<() => Grant>(() => {
      hub.revoke('ann')
      return { principal: 'ann', read: 'a' }
    })
    const { hub, port } = await served({ authorize })
    const client = await follow(port)
    await client.until('"code":"UNAUTHORIZED"')
    expect(authorize.mock.calls.length).toBeLessThan(5)
  })

  test('between the grant and the beginning of the stream, too', async () => {
    let asked = 0
    const { hub } = await served({ authorize: (request) => (asked++, isAllowed(request)) })
    const request = (): Request => new Request('http://hub.test/events?topic=a', { headers: { authorization: 'Bearer ann' } })
    let most = 0
    let again = 0
    const texts: string[] = []
    // At each step of what happens between, one after the other.
    for (let steps = 0; steps < 40; steps++) {
      asked = 0
      const answer = hub.fetch(request())
      for (let n = 0; n < steps; n++) await Promise.resolve()
      most = Math.max(most, hub.stats().connections)
      hub.revoke('ann')
      const published = hub.publish('a', 'after')
      const response = await answer
      await published
      // Asked for again, after it: then the stream is a new one. Given up before its first chunk was read, it fails.
      if (asked > 1) again++
      else texts.push(await response.text().catch(() => 'failed'))
      await response.body?.cancel().catch(() => {})
      expect(hub.stats().connections).toBe(0)
    }
    expect(most).toBe(1)
    expect(again).toBeGreaterThan(0)
    expect(texts.filter((text) => text.includes('after'))).toEqual([])
    expect(again + texts.length).toBe(40)
  })

  test('while a body comes byte by byte nothing is published', async () => {
    const authorize = vi.fn<() => Grant>(() => ({ principal: 'ann', write: 'a' }))
    const { hub, port } = await served({ authorize })
    const client = await raw(port)
    client.send('POST /topics/a HTTP/1.1\r\nHost: hub.test\r\nContent-Length: 3\r\n\r\nab')
    await when(() => authorize.mock.calls.length === 1)
    await sleep(50)
    hub.revoke('ann')
    client.send('c')
    await client.until('were revoked meanwhile')
    expect(hub.stats().published).toBe(0)
  })
})

describe("a last event ID of somebody else's session", () => {
  test('shows nothing of topics that were not asked for: neither data nor names', async () => {
    const grants: Record<string, Grant> = { ann: { read: ['private/ann', 'shared'] }, bob: { read: 'shared' } }
    const { hub, port } = await served({ authorize: (request) => grants[byToken(request)], topics: { '**': { history: { size: 3 } } } })
    const ann = await follow(port, { token: 'ann', topics: ['private/ann', 'shared'] })
    await ann.until('id: ')
    for (let n = 0; n < 10; n++) {
      await hub.publish('private/ann', `secret ${n}`)
      await hub.publish('shared', `open ${n}`)
    }
    await ann.until('open 9')
    const ids = [...ann.text().matchAll(/^id: (\S+)$/gm)].map(([, id]) => id!)
    expect(ids.length).toBeGreaterThan(15)
    const plain = ids.map((id) => id.replace(/~.*/, ''))
    // Hers, the same without her set of topics, and some that were never anybody's.
    for (const lastEventId of [...ids, ...plain, 'private/ann', `${plain[0]}~0`, plain[0]!.replace(/\d+$/, '9007199254740991')]) {
      const bob = await follow(port, { token: 'bob', topics: ['shared'], lastEventId })
      await bob.until('id: ')
      const end = await hub.publish('shared', 'the end')
      await bob.until(`id: ${end.id!}`)
      const [, head = '', body] = /^([^]*?)\r\n\r\n([^]*)$/.exec(bob.text())!
      expect(head).toContain(' 200 ')
      // What he sent himself comes back in a gap, as the position that it couldn't be resumed from.
      const told = body!.replaceAll(lastEventId, '')
      expect(told).not.toMatch(/secret|private/)
      for (const [, gap] of told.matchAll(/^event: gap\ndata: (.*)$/gm)) expect(JSON.parse(gap!)).toMatchObject({ topics: ['shared'] })
      bob.socket.destroy()
      await when(() => hub.stats().connections === 1)
    }
  })

  test('opens no topic that is not allowed', async () => {
    const { hub, port } = await served({ authorize: () => ({ read: 'shared' }) })
    const { id } = await hub.publish('private/ann', 'secret')
    const bob = await follow(port, { topics: ['shared', 'private/ann'], lastEventId: id! })
    await bob.until('"code":"FORBIDDEN"')
    expect(bob.text()).not.toContain('secret')
  })
})

test('streams are for one reader: no cache may keep them, nor share them', async () => {
  const { hub } = await served({ authorize: isAllowed })
  const response = await hub.fetch(new Request('http://hub.test/events?topic=a'))
  expect(response.headers.get('cache-control')).toBe('private, no-cache, no-transform')
  await response.body?.cancel()
})
