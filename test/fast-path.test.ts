import { createServer as createTlsServer, request as requestTls } from 'node:https'
import { request, ServerResponse, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { gunzipSync, createGzip } from 'node:zlib'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { createHub } from '../src/hub/index.js'
import { sendSse } from '../src/node.js'
import { collect } from './helpers/collect.js'
import { raw, serve, serve2, session2, sleep, when } from './helpers/servers.js'
import { tls } from './helpers/tls.js'

let hub = createHub()

beforeEach(() => {
  hub = createHub()
})

afterEach(() => hub.close())

/** Resolves when so many readers are there. */
async function readers(count: number): Promise<void> {
  await when(() => hub.stats().connections === count)
}

test('writes each item as one HTTP chunk on the socket, and says that the connection ends with the stream', async () => {
  const { port } = await serve((req, res) => void sendSse(req, res, hub.subscribe('a')))
  const client = await raw(port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await readers(1)
  await hub.publish('a', 'one')
  await when(() => client.text().includes('one'))
  const [head = '', body = ''] = client.text().split(/\r\n\r\n(.*)/s)
  expect(head.toLowerCase()).toContain('connection: close')
  // Chunks: the comment, the cursor, the item.
  expect(body).toMatch(/^3\r\n:\n\n\r\n([0-9a-f]+)\r\nid: \w+-\d+\n\n\r\n([0-9a-f]+)\r\ndata: one\nid: \w+-\d+\n\n\r\n$/)
  for (const [, length = '', chunk = ''] of body.matchAll(/([0-9a-f]+)\r\n([^\r]*)\r\n/g))
    expect(Number.parseInt(length, 16)).toBe(chunk.length)
})

test('leaves a response alone that writes in its own way', async () => {
  const asked: string[] = []
  const { url } = await serve((req, res) => {
    // As a framework's class may have it: not on the response itself.
    const write = (chunk: Uint8Array | string): boolean => {
      asked.push(String(chunk))
      return ServerResponse.prototype.write.call(res, chunk, 'utf8')
    }
    Object.setPrototypeOf(res, Object.assign(Object.create(Object.getPrototypeOf(res) as object) as object, { write }))
    void sendSse(req, res, hub.subscribe('a'))
  })
  const items = collect(fetch(url), 1)
  await readers(1)
  await hub.publish('a', '1')
  expect(await items).toMatchObject([{ data: '1' }])
  expect(asked.at(-1)).toMatch(/^data: 1\nid: /)
})

test('compression middleware gets every byte', async () => {
  const { url } = await serve((req, res) => {
    const gzip = createGzip()
    const { write, end } = res
    res.setHeader('content-encoding', 'gzip')
    gzip.on('data', (chunk: Buffer) => void write.call(res, chunk, 'utf8'))
    gzip.on('end', () => void end.call(res, '', 'utf8'))
    res.write = ((chunk: Uint8Array | string) => gzip.write(chunk)) as typeof res.write
    res.end = (() => gzip.end()) as unknown as typeof res.end
    Object.assign(res, { flush: () => gzip.flush() })
    void sendSse(req, res, hub.subscribe('a', { until: (item) => item.data === 'last' }))
  })
  const compressed = new Promise<Buffer>((resolve) => {
    request(url, (res: IncomingMessage) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)))
    }).end()
  })
  await readers(1)
  await hub.publish('a', 'ä')
  await hub.publish('a', 'last')
  expect(gunzipSync(await compressed).toString()).toMatch(/^:\n\nid: \S+\n\ndata: ä\nid: \S+\n\ndata: last\nid: \S+\n\n$/)
})

test('a pipelined response waits for its turn; not a byte of it comes before', async () => {
  let release = (): void => {}
  const { port } = await serve((req, res) => {
    if (req.url === '/first') release = () => res.end('first')
    else void sendSse(req, res, hub.subscribe('a', { until: (item) => item.data === 'last' }))
  })
  const client = await raw(port)
  client.send('GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await readers(1)
  await hub.publish('a', 'early')
  await sleep(50)
  expect(client.text()).toBe('')
  release()
  await when(() => client.text().includes('early'))
  await hub.publish('a', 'last')
  await client.closed()
  const text = client.text()
  expect(text.indexOf('first')).toBeLessThan(text.indexOf('text/event-stream'))
  expect(text.replace(/[^]*text\/event-stream/, '')).toMatch(/data: early[^]*data: last[^]*\r\n0\r\n\r\n$/)
})

test('a request that waits behind an event stream on the same connection gets nothing of it', async () => {
  const { port } = await serve((req, res) => {
    if (req.url === '/second') res.end('second')
    else void sendSse(req, res, hub.subscribe('a', { until: (item) => item.data === 'last' }))
  })
  const client = await raw(port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n')
  await readers(1)
  await hub.publish('a', 'last')
  await hub.publish('a', 'after')
  await client.closed()
  const text = client.text()
  expect(text).not.toContain('after')
  // The stream ends its connection: whoever asked for more asks again on another one.
  expect(text).toMatch(/data: last\nid: \S+\n\n\r\n0\r\n\r\n$/)
})

test('HTTP/1.0 clients get plain bytes, without chunks', async () => {
  const { port } = await serve((req, res) => void sendSse(req, res, hub.subscribe('a', { until: (item) => item.data === 'last' })))
  const client = await raw(port)
  client.send('GET / HTTP/1.0\r\n\r\n')
  await readers(1)
  await hub.publish('a', 'last')
  await client.closed()
  expect(client.text().replace(/^[^]*?\r\n\r\n/, '')).toMatch(/^:\n\nid: \S+\n\ndata: last\nid: \S+\n\n$/)
})

test('HEAD has no body, and nobody reads', async () => {
  const { port } = await serve((req, res) => void sendSse(req, res, hub.subscribe('a')))
  const client = await raw(port)
  client.send('HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await client.closed()
  expect(client.text().replace(/^[^]*?\r\n\r\n/, '')).toBe('')
  expect(hub.stats().connections).toBe(0)
})

test('over TLS, also more than the socket takes at once', async () => {
  const server = createTlsServer(tls, (req, res) => void sendSse(req, res, hub.subscribe('a')))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  let text = ''
  const req = requestTls({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', rejectUnauthorized: false }, (res) => {
    res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  }).end()
  req.on('error', () => {})
  onTestFinished(() => void req.destroy())
  await readers(1)
  for (let n = 0; n < 200; n++) await hub.publish('a', `${n}:${'x'.repeat(20_000)}`)
  await when(() => text.includes('data: 199:'))
  expect([...text.matchAll(/data: (\d+):/g)].map(([, n]) => Number(n))).toEqual(Array.from({ length: 200 }, (_, n) => n))
})

test('HTTP/2 streams go by their own frames', async () => {
  const { url } = await serve2((req, res) => void sendSse(req, res, hub.subscribe('a')))
  const session = await session2(url)
  const stream = session.request({ ':path': '/' }).setEncoding('utf8')
  let text = ''
  stream.on('data', (chunk: string) => (text += chunk))
  onTestFinished(() => void stream.destroy())
  await readers(1)
  await hub.publish('a', 'one')
  await when(() => text.includes('one'))
  expect(text).toMatch(/^:\n\nid: \S+\n\ndata: one\nid: \S+\n\n$/)
})

test('a socket that fails in the middle of a flush harms nobody else', async () => {
  const { port, url, sockets } = await serve((req, res) => void sendSse(req, res, hub.subscribe('a')))
  const items = collect(fetch(url), 50)
  for (let n = 0; n < 5; n++) (await raw(port)).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await readers(6)
  for (let n = 0; n < 50; n++) {
    await hub.publish('a', String(n))
    // The server's end breaks, without a word from the other one.
    if (n % 10 === 5) sockets.findLast((socket) => !socket.destroyed)?.destroy(new Error('broken'))
  }
  expect((await items).map(({ data }) => Number(data))).toEqual(Array.from({ length: 50 }, (_, n) => n))
  await readers(0)
})

/** More than kernels hold, in several flushes. */
async function publishMuch(): Promise<void> {
  for (let n = 0; n < 300; n++) {
    await hub.publish('a', `${n} ${'x'.repeat(50_000)}`)
    if (n % 20 === 0) await sleep(2)
  }
}

/** The data of a whole response in chunks. @throws {Error} when the chunks don't fit, or don't end. */
function dataOf(text: string): string[] {
  let rest = text.slice(text.indexOf('\r\n\r\n') + 4)
  let body = ''
  for (;;) {
    const [, head = '', size = ''] = /^(([0-9a-f]+)\r\n)/.exec(rest) ?? []
    const length = Number.parseInt(size, 16)
    if (Number.isNaN(length) || rest.slice(head.length + length, head.length + length + 2) !== '\r\n')
      throw new Error(`No chunk: ${JSON.stringify(rest.slice(0, 100))}`)
    if (length === 0) break
    body += rest.slice(head.length, head.length + length)
    rest = rest.slice(head.length + length + 2)
  }
  return [...body.matchAll(/^data: (\d+|last)/gm)].map(([, data = '']) => data)
}

test.each([
  ['plain', () => {}],
  ['with a write of its own', (socket: Socket) => Object.assign(socket, { write: socket.write.bind(socket) })],
])('a socket (%s) that takes no more gets the rest in order when it does, and the end after it', async (_, change) => {
  const { port } = await serve((req, res) => {
    change(req.socket)
    void sendSse(req, res, hub.subscribe('a', { until: ({ data }) => data === 'last' }))
  })
  const client = await raw(port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await readers(1)
  client.socket.pause()
  await publishMuch()
  await hub.publish('a', 'last')
  await sleep(50)
  client.socket.resume()
  await client.closed()
  expect(dataOf(client.text())).toEqual([...Array.from({ length: 300 }, (_, n) => String(n)), 'last'])
})

test('a hub that closes while a socket takes no more cuts no chunk in two', async () => {
  const { port } = await serve((req, res) => void sendSse(req, res, hub.subscribe('a')))
  const client = await raw(port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await readers(1)
  client.socket.pause()
  await publishMuch()
  await sleep(50)
  await hub.close()
  client.socket.resume()
  await client.closed()
  const got = dataOf(client.text())
  expect(got.length).toBeGreaterThan(0)
  expect(got).toEqual(got.map((_, n) => String(n)))
})

test('a socket with a write of its own is written to by that', async () => {
  const written: string[] = []
  const { url } = await serve((req, res) => {
    const { write } = req.socket
    Object.assign(req.socket, {
      write(chunk: Uint8Array | string, ...rest: []) {
        written.push(Buffer.from(chunk as string).toString())
        return write.call(req.socket, chunk, ...rest)
      },
    })
    void sendSse(req, res, hub.subscribe('a'))
  })
  const items = collect(fetch(url), 2)
  await readers(1)
  for (const data of ['1', '2']) {
    await hub.publish('a', data)
    // Else both are one write.
    await when(() => written.some((text) => text.includes(`data: ${data}`)))
  }
  expect(await items).toMatchObject([{ data: '1' }, { data: '2' }])
  expect(written.filter((text) => text.includes('data: '))).toHaveLength(2)
})
