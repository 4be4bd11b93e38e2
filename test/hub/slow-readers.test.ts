import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createHub, type Hub, type HubOptions } from '../../src/hub/index.js'
import { createParser } from '../../src/protocol/index.js'
import { sse, type Gap, type ReceivedItem, type SseItem } from '../../src/index.js'
import { sendSse } from '../../src/node.js'
import { collect } from '../helpers/collect.js'
import { serve, sleep, when } from '../helpers/servers.js'

type Options = HubOptions<unknown, SseItem<string>>

const BIG = 'x'.repeat(100_000)

function hubWith(options: Options): Hub {
  const hub = createHub(options)
  onTestFinished(() => hub.close())
  return hub
}

interface Client {
  readonly socket: Socket
  readonly items: ReceivedItem[]
  readonly isClosed: () => boolean
}

/** A client that reads nothing until it is told to. */
async function stalled(hub: Hub, port: number): Promise<Client> {
  const { connections } = hub.stats()
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const items: ReceivedItem[] = []
  const parser = createParser({ onItem: (item) => items.push(item) })
  let isClosed = false
  socket.on('error', () => {})
  socket.on('close', () => (isClosed = true))
  await once(socket, 'connect')
  socket.write('GET / HTTP/1.0\r\n\r\n')
  socket.pause()
  let inBody = false
  socket.on('data', (chunk: Buffer) => {
    // The head comes in a packet of its own, before the first item.
    if (inBody) parser.feed(chunk)
    else parser.feed(chunk.toString('latin1').replace(/^[^]*?\r\n\r\n/, ''))
    inBody = true
  })
  socket.pause()
  await when(() => hub.stats().connections === connections + 1)
  return { socket, items, isClosed: () => isClosed }
}

async function served(hub: Hub): Promise<number> {
  return (await serve((req, res) => void sendSse(req, res, hub.subscribe('a')))).port
}

/** 30 MB: more than the kernel takes. */
async function publishMuch(hub: Hub, count = 300): Promise<void> {
  for (let n = 0; n < count; n++) {
    await hub.publish('a', `${n}:${BIG}`)
    if (n % 20 === 0) await sleep(1)
  }
}

const numbers = (items: readonly { readonly event: string; readonly data: string }[]): (number | string)[] =>
  items.map(({ event, data }) => (event === 'message' ? Number.parseInt(data, 10) : event))

test('replay: who reads again gets everything, from the log and the ring, in order', async () => {
  const hub = hubWith({ topics: { a: { history: { bytes: 100e6 } } } })
  const client = await stalled(hub, await served(hub))
  await publishMuch(hub)
  client.socket.resume()
  await when(() => client.items.length === 300)
  expect(numbers(client.items)).toEqual(Array.from({ length: 300 }, (_, n) => n))
  expect(hub.stats().gaps).toBe(0)
})

test('replay: what the log no longer has is one gap, and the rest follows', async () => {
  const hub = hubWith({ topics: { a: { history: { bytes: 3e6 } } } })
  const client = await stalled(hub, await served(hub))
  await publishMuch(hub)
  client.socket.resume()
  await when(() => numbers(client.items).at(-1) === 299)
  const seen = numbers(client.items)
  const at = seen.indexOf('gap')
  expect(seen.filter((one) => one === 'gap')).toHaveLength(1)
  const { topics, reason, from, to } = JSON.parse((client.items[at] as ReceivedItem).data) as Gap
  expect({ topics, reason }).toEqual({ topics: ['a'], reason: 'expired' })
  // seq = n + 1: the gap is exactly what is missing.
  expect(Number(from.split('-')[1])).toBe((seen[at - 1] as number) + 1)
  expect(Number(to.split('-')[1])).toBe(seen[at + 1] as number)
  expect(seen.slice(at + 1)).toEqual(Array.from({ length: seen.length - at - 1 }, (_, n) => (seen[at + 1] as number) + n))
})

test('maxLag: who is further behind goes on from now, and is told', async () => {
  const hub = hubWith({ maxLag: 1e6, topics: { a: { history: { bytes: 100e6 } } } })
  const client = await stalled(hub, await served(hub))
  await publishMuch(hub)
  client.socket.resume()
  await when(() => numbers(client.items).includes('gap'))
  await hub.publish('a', '300')
  await when(() => numbers(client.items).at(-1) === 300)
  const seen = numbers(client.items)
  const at = seen.lastIndexOf('gap')
  expect(JSON.parse((client.items[at] as ReceivedItem).data)).toMatchObject({ topics: ['a'], reason: 'dropped' })
  expect(seen.slice(at)).toEqual(['gap', 300])
})

test('latest: who was behind gets the newest value of each key, and no gap', async () => {
  const hub = hubWith({
    whenSlow: 'latest',
    topics: { a: { history: { bytes: 100e6 }, conflate: { key: ({ data }) => `${Number.parseInt(data, 10) % 3}`, interval: 0 } } },
  })
  const client = await stalled(hub, await served(hub))
  await publishMuch(hub)
  client.socket.resume()
  await when(() => numbers(client.items).includes(299))
  await sleep(50)
  const seen = numbers(client.items) as number[]
  expect(seen).toEqual([...seen].sort((a, b) => a - b))
  expect(seen.slice(-3)).toEqual([297, 298, 299])
  // What the kernel had taken came first; of the rest one per key and page.
  expect(seen.length).toBeLessThan(298)
  expect(hub.stats().gaps).toBe(0)
})

test('disconnect: who is too far behind is cut off, and resumes without a hole', async () => {
  const hub = hubWith({ whenSlow: 'disconnect', maxLag: 1e6, stallTimeout: 800, topics: { a: { history: { bytes: 100e6 } } } })
  const client = await stalled(hub, await served(hub))
  const other = collect(hub.subscribe('a'), 300)
  await publishMuch(hub)
  await when(() => hub.stats().connections <= 1)
  expect(numbers(await other).join()).toBe(Array.from({ length: 300 }, (_, n) => n).join())
  client.socket.resume()
  await when(client.isClosed)
  const last = client.items.at(-1)
  expect(last).toBeDefined()
  const rest = await collect(hub.subscribe('a', { lastEventId: last?.lastEventId }), 299 - client.items.length + 1)
  expect(numbers([...client.items, ...rest])).toEqual(Array.from({ length: 300 }, (_, n) => n))
})

test('stallTimeout: without progress the connection is destroyed, whatever it still had to take', async () => {
  const hub = hubWith({ stallTimeout: 200 })
  const client = await stalled(hub, await served(hub))
  await publishMuch(hub)
  await when(() => hub.stats().connections === 0)
  client.socket.resume()
  await when(client.isClosed)
  expect(client.items.length).toBeLessThan(300)
})

test('stallTimeout: an answer that nobody reads is let go', async () => {
  const hub = hubWith({ stallTimeout: 100 })
  const response = sse(hub.subscribe('a'), { request: new Request('http://a.test/') })
  expect(hub.stats().connections).toBe(1)
  await when(() => hub.stats().connections === 0, undefined, 15_000)
  await expect(response.text()).rejects.toBeUndefined()
})

test('stallTimeout: who reads slowly but reads, stays', async () => {
  // Its milliseconds are those of the test; the hub looks at them in real ones.
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const hub = hubWith({ stallTimeout: 300 })
  const client = await stalled(hub, await served(hub))
  await publishMuch(hub, 150)
  for (let n = 1; n <= 6; n++) {
    client.socket.resume()
    // 2 MB: enough for the kernel to take more.
    await when(() => client.items.length >= 20 * n)
    client.socket.pause()
    await sleep(60)
    vi.advanceTimersByTime(200)
    await sleep(100)
  }
  client.socket.resume()
  await when(() => client.items.length === 150)
  expect(numbers(client.items)).toEqual(Array.from({ length: 150 }, (_, n) => n))
})

test('a loop that takes its time loses nothing and holds up nobody', async () => {
  const hub = hubWith({ stallTimeout: 50, topics: { a: { history: { bytes: 100e6 } } } })
  const iterator = hub.subscribe('a')[Symbol.asyncIterator]()
  const first = iterator.next()
  await sleep(5)
  const other = collect(hub.subscribe('a'), 300)
  await publishMuch(hub)
  await other
  const seen = [await first]
  while (seen.length < 300) seen.push(await iterator.next())
  expect(numbers(seen.map(({ value }) => value as SseItem<string>))).toEqual(Array.from({ length: 300 }, (_, n) => n))
  await iterator.return?.()
})

test('2,000 readers that lag together catch up from the ring and shared pages: the store is read a few times', async () => {
  const { memoryEngine } = await import('../../src/engines/memory.js')
  const engine = memoryEngine()
  let reads = 0
  const hub = hubWith({
    engine: { ...engine, read: (...args) => (reads++, engine.read(...args)) },
    topics: { a: { history: { bytes: 100e6 } } },
  })
  const loops = Array.from({ length: 2000 }, () => hub.subscribe('a')[Symbol.asyncIterator]())
  const firsts = loops.map((loop) => loop.next())
  await when(() => hub.stats().connections === 2000)
  // 20 MB: more than the ring holds.
  await publishMuch(hub, 200)
  let longest = 0
  let at = performance.now()
  const clock = setInterval(() => {
    longest = Math.max(longest, performance.now() - at)
    at = performance.now()
  })
  const counts = await Promise.all(
    loops.map(async (loop, index) => {
      let count = (await firsts[index])?.done ? 0 : 1
      while (count < 200 && !(await loop.next()).done) count++
      await loop.return?.()
      return count
    }),
  )
  clearInterval(clock)
  expect(new Set(counts)).toEqual(new Set([200]))
  expect(reads).toBeLessThan(400)
  // A time decides nothing; it is told.
  console.log(`2,000 readers caught up with ${reads} reads of the store; the longest turn of the event loop took ${longest.toFixed(0)} ms`)
})
