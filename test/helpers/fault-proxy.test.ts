import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createFaultProxy, type FaultProxy } from './fault-proxy.js'
import { freePort } from './ports.js'
import { raw, serve, sleep, when, type RawClient } from './servers.js'

interface Echo {
  readonly port: number
  /** All that has come, over all connections. */
  readonly text: () => string
  readonly sockets: readonly Socket[]
  /** How its ends of connections are over: `end`, or the code of an error. */
  readonly ends: readonly string[]
}

/** Says back what it is told. */
async function echo(): Promise<Echo> {
  let text = ''
  const sockets: Socket[] = []
  const ends: string[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    let end = 'end'
    socket.on('error', (error: NodeJS.ErrnoException) => (end = error.code ?? error.message))
    socket.on('close', () => ends.push(end))
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      socket.write(chunk)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return { port: (server.address() as AddressInfo).port, text: () => text, sockets, ends }
}

async function behindProxy(): Promise<{ server: Echo; proxy: FaultProxy; client: RawClient }> {
  const server = await echo()
  const proxy = await createFaultProxy(server)
  const client = await raw(proxy.port)
  client.send('hello')
  await client.until('hello')
  return { server, proxy, client }
}

/** How a connection that is tried ends: with `end`, or the code of an error. */
async function fate(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1').resume()
  onTestFinished(() => void socket.destroy())
  return new Promise((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.on('end', () => resolve('end'))
  })
}

test('what a healthy proxy passes it counts, in each direction', async () => {
  const { server, proxy, client } = await behindProxy()
  const other = await raw(proxy.port)
  other.send('x'.repeat(100_000))
  await other.until('x'.repeat(100_000))
  expect(server.text()).toBe(`hello${'x'.repeat(100_000)}`)
  expect(proxy.bytes).toEqual({ up: 100_005, down: 100_005 })
  expect(proxy.connections.map(({ number, bytes }) => [number, bytes.up])).toEqual([
    [1, 5],
    [2, 100_000],
  ])
  expect(proxy.accepted).toBe(2)
  client.socket.end()
  await client.closed()
  await when(() => server.ends.length > 0)
  expect(server.ends).toEqual(['end'])
  await when(() => proxy.connections.length === 1)
})

test('the end of a connection passes in both directions, and so does a reset', async () => {
  const { server, proxy, client } = await behindProxy()
  client.socket.resetAndDestroy()
  await when(() => server.ends.length === 1)
  expect(server.ends).toEqual(['ECONNRESET'])
  const second = await raw(proxy.port)
  second.send('x')
  await second.until('x')
  server.sockets[1]!.end()
  await second.closed()
  const ended = fate(proxy.port)
  await when(() => server.sockets.length === 3)
  server.sockets[2]!.resetAndDestroy()
  expect(await ended).toBe('ECONNRESET')
  await when(() => proxy.connections.length === 0)
})

test('a request half is passed on before the answer: half-closed connections stay usable', async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => void socket.resume().on('end', () => socket.end('answer')))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const proxy = await createFaultProxy({ port: (server.address() as AddressInfo).port })
  const client = await raw(proxy.port)
  client.socket.end('request')
  await client.until('answer')
  expect(proxy.bytes).toEqual({ up: 7, down: 6 })
})

test('latency holds back what comes, and nothing overtakes', async () => {
  const { server, proxy, client } = await behindProxy()
  proxy.latency(60, { jitter: 60 })
  const begun = performance.now()
  const numbers = Array.from({ length: 50 }, (_, at) => `${at};`)
  for (const number of numbers) {
    client.send(number)
    // A piece of its own.
    await new Promise(setImmediate)
  }
  await when(() => server.text().endsWith(numbers.join('')))
  expect(performance.now() - begun).toBeGreaterThanOrEqual(59)
  await client.until(numbers.join(''))
  expect(performance.now() - begun).toBeGreaterThanOrEqual(119)
  proxy.heal()
  client.send('quick')
  await client.until('quick')
})

test('slow passes so many bytes per second, and all of them', async () => {
  const { proxy, client } = await behindProxy()
  proxy.slow(10_000, { only: ({ number }) => number === 1 })
  const text = 'abcdefghij'.repeat(300)
  const begun = performance.now()
  client.send(text)
  const other = await raw(proxy.port)
  other.send(text)
  await other.until(text)
  await client.until(text)
  // 3000 bytes, the last piece of which need not be waited for.
  expect(performance.now() - begun).toBeGreaterThanOrEqual(250)
})

test('a slow or half-open direction makes the sender wait: the proxy holds no more than a little', async () => {
  const { proxy, client } = await behindProxy()
  proxy.halfOpen({ direction: 'up' })
  let sent = 0
  const piece = Buffer.alloc(2 ** 20)
  const isStuck = (): boolean => client.socket.writableLength > 4 * piece.length
  while (!isStuck() && sent < 64) {
    client.socket.write(piece)
    sent++
    await sleep(5)
  }
  // What the kernel takes for three sockets lies between.
  expect(isStuck()).toBe(true)
  proxy.heal()
  await when(() => proxy.bytes.up === 5 + sent * piece.length)
})

test('cut closes what is open and refuses what comes, until it is healed', async () => {
  const { server, proxy, client } = await behindProxy()
  proxy.cut()
  await client.closed()
  await when(() => server.ends.length === 1)
  expect(proxy.connections).toEqual([])
  expect(await fate(proxy.port)).toBe('ECONNRESET')
  expect(proxy.refused).toBe(1)
  expect(server.sockets).toHaveLength(1)
  proxy.heal()
  const next = await raw(proxy.port)
  next.send('again')
  await next.until('again')
})

test('cut for a while heals by itself', async () => {
  const { proxy, client } = await behindProxy()
  proxy.cut({ for: 50 })
  await client.closed()
  expect(await fate(proxy.port)).toBe('ECONNRESET')
  await when(() => {
    const socket = connect(proxy.port, '127.0.0.1').on('error', () => {})
    onTestFinished(() => void socket.destroy())
    return proxy.accepted > 1
  })
})

test('cut of some leaves the others, and refuses nobody', async () => {
  const { proxy, client } = await behindProxy()
  const other = await raw(proxy.port)
  other.send('SUBSCRIBE x')
  await other.until('SUBSCRIBE x')
  proxy.cut({ only: (connection) => connection.said(/subscribe/i) })
  await other.closed()
  client.send('here')
  await client.until('here')
  const next = await raw(proxy.port)
  next.send('new')
  await next.until('new')
  expect(proxy.refused).toBe(0)
})

test('half-open accepts and keeps everything, passes nothing, and what was held passes when it is healed', async () => {
  const { server, proxy, client } = await behindProxy()
  proxy.halfOpen()
  client.send('held')
  const late = await raw(proxy.port)
  late.send('late')
  await when(() => server.sockets.length === 2)
  const leaver = await raw(proxy.port)
  leaver.socket.resetAndDestroy()
  await sleep(50)
  expect(server.text()).toBe('hello')
  expect(client.text()).toBe('hello')
  expect(proxy.bytes).toEqual({ up: 5, down: 5 })
  // The server doesn't learn that somebody has left.
  expect(server.ends).toEqual([])
  proxy.heal()
  await client.until('helloheld')
  await late.until('late')
  await when(() => server.ends.length === 1)
})

test.each([
  ['up', 'hello', 'hellonews'],
  ['down', 'helloasked', 'hello'],
] as const)('half-open in one direction (%s) lets the other pass', async (direction, reached, came) => {
  const { server, proxy, client } = await behindProxy()
  proxy.halfOpen({ direction })
  client.send('asked')
  server.sockets[0]!.write('news')
  if (direction === 'up') await client.until('news')
  else await when(() => server.text() === 'helloasked')
  await sleep(30)
  expect(server.text()).toBe(reached)
  expect(client.text()).toBe(came)
  proxy.heal()
  await client.until('asked')
  await client.until('news')
})

test('half-open for some connections holds also those that come later, by what they say', async () => {
  const { proxy, client } = await behindProxy()
  proxy.halfOpen({ direction: 'down', only: (connection) => connection.said('SUBSCRIBE') })
  const other = await raw(proxy.port)
  other.send('SUBSCRIBE x')
  client.send('passes')
  await client.until('passes')
  await when(() => proxy.bytes.up === 22)
  await sleep(30)
  expect(other.text()).toBe('')
  proxy.heal()
  await other.until('SUBSCRIBE x')
})

test('swallow lets requests through and drops their answers for ever', async () => {
  const { server, proxy, client } = await behindProxy()
  proxy.swallow()
  client.send('publish')
  await when(() => proxy.swallowed === 7)
  expect(server.text()).toBe('hellopublish')
  proxy.cut({ for: 0 })
  await client.closed()
  expect(client.text()).toBe('hello')
  proxy.heal()
  const next = await raw(proxy.port)
  next.send('again')
  await next.until('again')
  expect(next.text()).toBe('again')
})

test('reset breaks connections on both sides with a RST, and welcomes new ones', async () => {
  const { server, proxy } = await behindProxy()
  const broken = fate(proxy.port)
  await when(() => server.sockets.length === 2)
  proxy.reset()
  expect(await broken).toBe('ECONNRESET')
  await when(() => server.ends.length === 2)
  expect(server.ends).toEqual(['ECONNRESET', 'ECONNRESET'])
  const next = await raw(proxy.port)
  next.send('again')
  await next.until('again')
})

test('aimed elsewhere, new connections go there, and open ones stay', async () => {
  const { server, proxy, client } = await behindProxy()
  const second = await echo()
  proxy.aim(second)
  const next = await raw(proxy.port)
  next.send('there')
  await next.until('there')
  expect(second.text()).toBe('there')
  client.send(' here')
  await client.until(' here')
  expect(server.text()).toBe('hello here')
})

test('a server that is not there is a connection that is reset', async () => {
  const proxy = await createFaultProxy({ port: await freePort() })
  expect(await fate(proxy.port)).toBe('ECONNRESET')
  await when(() => proxy.connections.length === 0)
})

test('close ends everything, also what is held, and may be called twice', async () => {
  const { server, proxy, client } = await behindProxy()
  proxy.halfOpen()
  client.send('held')
  await proxy.close()
  await proxy.close()
  await client.closed()
  await when(() => server.ends.length === 1)
  expect(await fate(proxy.port)).toBe('ECONNREFUSED')
})

test('HTTP passes as it is', async () => {
  const { port } = await serve((req, res) => void res.end(req.url))
  const proxy = await createFaultProxy({ port })
  expect(await (await fetch(`${proxy.url}/through`)).text()).toBe('/through')
  expect(proxy.connections[0]!.said('GET /through HTTP/1.1')).toBe(true)
})
