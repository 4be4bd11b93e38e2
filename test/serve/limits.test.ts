import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { get, request, type IncomingMessage } from 'node:http'
import { connect as connect2 } from 'node:http2'
import { get as getSecure } from 'node:https'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectSecure } from 'node:tls'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { startServer } from '../cli/process.js'
import { newFolder, removeFolders } from '../helpers/folders.js'
import { raw, sleep, when, type RawClient } from '../helpers/servers.js'
import { tls } from '../helpers/tls.js'

afterAll(removeFolders)

interface Healthy {
  /** Publishes so many items, and gives the longest time in which one has come, in milliseconds. */
  check(count?: number): Promise<number>
}

/** A client that does as it should, beside those that don't. */
async function healthy(url: string): Promise<Healthy> {
  const req = get(`${url}/events?topic=healthy`, { agent: false })
  onTestFinished(() => void req.destroy())
  const [response] = (await once(req, 'response')) as [IncomingMessage]
  let text = ''
  response.setEncoding('utf8').on('data', (part: string) => (text = (text + part).slice(-1000)))
  response.on('error', () => {})
  await when(() => text.includes('id: '))
  let n = 0
  return {
    async check(count = 5) {
      let longest = 0
      for (let left = count; left > 0; left--) {
        const begun = performance.now()
        const answer = await fetch(`${url}/topics/healthy`, { method: 'POST', body: `item ${++n};` })
        expect(answer.status).toBe(201)
        await when(() => text.includes(`data: item ${n};`))
        longest = Math.max(longest, performance.now() - begun)
      }
      return longest
    },
  }
}

const portOf = (url: string): number => Number(new URL(url).port)

/** Sends a text one character at a time, until the server has had enough of it. Gives how long that took. */
async function sendSlowly({ socket, send }: Pick<RawClient, 'socket' | 'send'>, text: string, begun: number): Promise<number> {
  let isOver = false
  socket.on('close', () => (isOver = true))
  for (const character of text) {
    if (isOver) break
    send(character)
    await sleep(100)
  }
  return performance.now() - begun
}

/** A connection over TLS, on which a test says every byte itself. */
async function rawSecure(url: string): Promise<Pick<RawClient, 'socket' | 'send'>> {
  const socket = connectSecure({ port: portOf(url), rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {}).resume()
  await once(socket, 'secureConnect')
  return { socket, send: (text) => void socket.write(text) }
}

/** A session of HTTP/2 that is always busy, and asks for nothing. Gives how long it lasted. */
async function pingSlowly(url: string): Promise<number> {
  const begun = performance.now()
  const session = connect2(url, { rejectUnauthorized: false }).on('error', () => {})
  onTestFinished(() => session.destroy())
  const pings = setInterval(() => session.destroyed || session.ping(() => {}), 500)
  await once(session, 'close')
  clearInterval(pings)
  return performance.now() - begun
}

async function publishedOn(url: string): Promise<number> {
  const req = (url.startsWith('https') ? getSecure : get)(`${url}/stats`, { agent: false, rejectUnauthorized: false })
  const [response] = (await once(req, 'response')) as [IncomingMessage]
  return (JSON.parse((await response.toArray()).join('')) as { published: number }).published
}

/** A stream over TLS. */
async function openSecure(url: string, protocol: 'http/1.1' | 'h2'): Promise<{ isOpen(): boolean }> {
  let text = ''
  let isOver = false
  if (protocol === 'h2') {
    const session = connect2(url, { rejectUnauthorized: false }).on('error', () => {})
    onTestFinished(() => session.destroy())
    const stream = session.request({ ':path': '/events?topic=a' })
    stream.on('data', (part: Buffer) => (text += part.toString())).on('close', () => (isOver = true))
  } else {
    const req = getSecure(`${url}/events?topic=a`, { rejectUnauthorized: false, agent: false }, (response) => {
      response.on('data', (part: Buffer) => (text += part.toString())).on('close', () => (isOver = true))
    })
    req.on('error', () => {})
    onTestFinished(() => void req.destroy())
  }
  await when(() => text.includes('id: '))
  return { isOpen: () => !isOver }
}

describe('who takes their time', () => {
  test(
    'slowloris: what comes byte by byte, or not at all, is cut off: headers after 10 s, bodies after 30 s, over TLS, too; others are served',
    { timeout: 300_000 },
    async () => {
      const folder = newFolder()
      writeFileSync(join(folder, 'key.pem'), tls.key)
      writeFileSync(join(folder, 'cert.pem'), tls.cert)
      const { url } = await startServer()
      const secure = await startServer('--tls-cert', join(folder, 'cert.pem'), '--tls-key', join(folder, 'key.pem'))
      const other = await healthy(url)
      const streams = [await openSecure(secure.url, 'http/1.1'), await openSecure(secure.url, 'h2')]
      const head = `GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(1000)}`
      const chunked = 'POST /topics/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n'
      const long = 'POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n'
      const begun = performance.now()
      const client = await raw(portOf(url))
      const headers = [sendSlowly(client, head, begun), sendSlowly(await rawSecure(secure.url), head, begun), pingSlowly(secure.url)]
      const bodies = await Promise.all([raw(portOf(url)), rawSecure(secure.url), raw(portOf(url)), rawSecure(secure.url)])
      for (const body of bodies.slice(0, 2)) body.send(long)
      const slow = bodies.slice(0, 2).map((body) => sendSlowly(body, 'x'.repeat(600), begun))
      for (const body of bodies.slice(2)) body.send(chunked)
      const silent = bodies.slice(2).map(({ socket }) => once(socket, 'close').then(() => performance.now() - begun))
      await other.check()
      for (const time of await Promise.all(headers)) {
        expect(time).toBeGreaterThan(8000)
        // Before bodies are: those are sent for a minute.
        expect(time).toBeLessThan(25_000)
      }
      expect(client.text()).toMatch(/^HTTP\/1\.1 408 /)
      await other.check()
      for (const time of await Promise.all([...slow, ...silent])) {
        expect(time).toBeGreaterThan(25_000)
        expect(time).toBeLessThan(55_000)
      }
      await other.check()
      // What was asked for in time outlives all that.
      expect(streams.map(({ isOpen }) => isOpen())).toEqual([true, true])
      for (const server of [url, secure.url]) expect(await publishedOn(server)).toBe(server === url ? 15 : 0)
    },
  )

  test(
    '10,000 connections that say nothing, or half of something, are nobody else’s loss, and end after 10 s',
    { timeout: 300_000 },
    async () => {
      const count = Math.min(10_000, openFiles() - 200)
      const { url } = await startServer()
      const other = await healthy(url)
      const sockets: Socket[] = []
      onTestFinished(() => sockets.forEach((socket) => socket.destroy()))
      let closed = 0
      for (let n = 0; n < count; n++) {
        const socket = connect(portOf(url), '127.0.0.1')
        socket.on('error', () => {}).on('close', () => closed++)
        socket.resume()
        if (n % 2 === 0) socket.write('GET /events?topic=a HTTP/1.1\r\nHost: loc')
        sockets.push(socket)
        if (n % 100 === 99) await once(socket, 'connect')
      }
      // A slow machine may have closed some of them by now.
      expect(sockets.filter(({ readyState }) => readyState === 'open').length).toBeGreaterThan(count / 20)
      const longest = await other.check(20)
      await when(
        () => closed === count,
        () => `${closed} closed`,
        200_000,
      )
      await other.check()
      console.log(`beside ${count} half-open connections an item took ${longest.toFixed(0)} ms at most`)
    },
  )
})

/** How many a process may have: the system's limit. */
function openFiles(): number {
  const report = process.report.getReport() as { readonly userLimits?: { readonly open_files?: { readonly soft?: number | string } } }
  const soft = Number(report.userLimits?.open_files?.soft)
  return Number.isNaN(soft) ? Infinity : soft
}

describe('who asks for too much', () => {
  test('headers of a megabyte are refused; as a parameter such a last event ID is a fresh start', async () => {
    const { url } = await startServer()
    const client = await raw(portOf(url))
    client.send(`GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: ${'x'.repeat(1e6)}\r\n\r\n`)
    await client.closed()
    expect(client.text()).toMatch(/^HTTP\/1\.1 431 |^$/)
    // What fits into the head of a request, and is no id.
    const response = await fetch(`${url}/events?topic=a&lastEventId=${'x'.repeat(12_000)}`)
    expect(response.status).toBe(200)
    await response.body?.cancel()
    // And beyond that.
    const longer = await fetch(`${url}/events?topic=a&lastEventId=${'x'.repeat(1e6)}`).catch(() => ({ status: 431 }))
    expect(longer.status).toBe(431)
  })

  test('100,000 names of topics are refused: by the head of the request, by the URL, by their number', async () => {
    const { url } = await startServer()
    const other = await healthy(url)
    const many = (count: number): string => Array.from({ length: count }, (_, n) => `topic=t${n}`).join('&')
    const status = async (count: number): Promise<number> => {
      const answer = await fetch(`${url}/events?${many(count)}`).catch(() => ({ status: 431 }))
      return answer.status
    }
    expect(await status(100_000)).toBe(431)
    expect(await status(1200)).toBe(400)
    expect(await status(101)).toBe(400)
    await other.check()
  })

  test.each([
    ['with a length that says so', (length: number) => `Content-Length: ${length}`, ''],
    ['in chunks, that says nothing', () => 'Transfer-Encoding: chunked', `10000\r\n${'x'.repeat(0x10000)}\r\n`],
  ])('a body without end, %s, is refused at a megabyte, and read no further', async (_, header, chunk) => {
    const { url } = await startServer()
    const other = await healthy(url)
    const client = await raw(portOf(url))
    client.send(`POST /topics/a HTTP/1.1\r\nHost: localhost\r\n${header(1e12)}\r\n\r\n`)
    const most = chunk === '' ? 0 : 200
    for (let n = 0; n < most && client.text() === ''; n++) {
      client.send(chunk)
      await sleep(1)
    }
    await client.until('BODY_TOO_LARGE')
    expect(client.text()).toMatch(/^HTTP\/1\.1 413 /)
    await other.check()
  })

  test('flags say how many: of streams, by address, of publishes', async () => {
    const { url } = await startServer(
      '--max-connections',
      '3',
      '--max-connections-per-address',
      '2',
      '--trust-proxy',
      '--max-publishes-per-second',
      '2',
    )
    const from = async (address: string): Promise<number> => {
      const req = request(`${url}/events?topic=a`, { agent: false, headers: { 'x-forwarded-for': address } })
      onTestFinished(() => void req.destroy())
      req.on('error', () => {}).end()
      const [response] = (await once(req, 'response')) as [IncomingMessage]
      response.on('error', () => {}).resume()
      return response.statusCode ?? 0
    }
    expect([await from('203.0.113.1'), await from('203.0.113.1'), await from('203.0.113.1')]).toEqual([200, 200, 429])
    expect([await from('203.0.113.2'), await from('203.0.113.3')]).toEqual([200, 503])
    const publish = async (): Promise<number> => (await fetch(`${url}/topics/a`, { method: 'POST', body: 'x' })).status
    const begun = performance.now()
    const answers = await Promise.all(Array.from({ length: 50 }, publish))
    const passed = answers.filter((status) => status === 201).length
    expect(passed).toBeGreaterThanOrEqual(2)
    // Those of one second at once, and so many more as it took.
    expect(passed).toBeLessThanOrEqual(2 + Math.ceil((2 * (performance.now() - begun)) / 1000))
    expect(answers.filter((status) => status === 429)).toHaveLength(50 - passed)
  })
})
