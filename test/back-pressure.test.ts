import { existsSync, readFileSync } from 'node:fs'
import { connect as connect2 } from 'node:http2'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, test } from 'vitest'
import { sendSse, sse } from '../src/node.js'
import { createParser } from '../src/protocol/index.js'
import { serve, serve2, sleep, when, type AtEnd } from './helpers/servers.js'

// What the process may hold of a stream whose client doesn't read, beside what the kernel took.
const HELD = 64 * 1024
const ITEM = 1024
// The standard's: https://www.rfc-editor.org/rfc/rfc9113#section-6.9.2
const WINDOW = 65_535
const PROC = '/proc/net/tcp'

/** A source that is always ready, and how much was pulled from it. */
function fast(): { source: AsyncIterable<string>; pulled: () => number } {
  let pulls = 0
  const iterator = {
    async next() {
      pulls++
      // Exactly ITEM bytes on the wire, with `data: ` and the blank line.
      return { done: false as const, value: String(pulls).padEnd(ITEM - 8, '.') }
    },
    return: async () => ({ done: true as const, value: undefined }),
  }
  return { source: { [Symbol.asyncIterator]: () => iterator }, pulled: () => pulls * ITEM }
}

interface Stalled {
  readonly pulled: () => number
  /** How many bytes the kernel, or the client's window, took. */
  readonly taken: () => number
  /** Reads on: every text goes to `got`. */
  readonly resume: (got: (text: string) => void) => void
}

const ways: { readonly name: string; readonly skip?: boolean; readonly stall: (atEnd: AtEnd) => Promise<Stalled> }[] = [
  {
    name: 'sendSse on http',
    async stall(atEnd) {
      const { source, pulled } = fast()
      let server: Socket | undefined
      const { port } = await serve((req, res) => {
        server = req.socket
        void sendSse(req, res, source)
      }, atEnd)
      const client = connectTo(port, atEnd)
      client.write('GET / HTTP/1.0\r\n\r\n')
      client.pause()
      // Given to the socket, less what it still holds: the public measure.
      return {
        pulled,
        taken: () => server!.bytesWritten - server!.writableLength,
        resume: (got) => void client.setEncoding('utf8').on('data', got).resume(),
      }
    },
  },
  {
    name: "sendSse on http2, stopped by the stream's window",
    async stall(atEnd) {
      const { source, pulled } = fast()
      const { url } = await serve2((req, res) => void sendSse(req, res, source), atEnd)
      const session = connect2(url)
      atEnd(() => session.destroy())
      const stream = session.request({ ':path': '/' }).setEncoding('utf8')
      return { pulled, taken: () => WINDOW, resume: (got) => void stream.on('data', got) }
    },
  },
  {
    name: 'sendSse on http2, stopped by the connection',
    skip: !existsSync(PROC),
    async stall(atEnd) {
      const { source, pulled } = fast()
      const { port } = await serve2((req, res) => void sendSse(req, res, source), atEnd)
      const { connection, url } = await throughProxy(port, atEnd)
      const session = connect2(url, { settings: { initialWindowSize: 2 ** 30 } })
      session.on('connect', () => session.setLocalWindowSize(2 ** 30))
      atEnd(() => session.destroy())
      const stream = session.request({ ':path': '/' }).setEncoding('utf8').resume()
      await new Promise((resolve) => stream.once('data', resolve))
      let before = ''
      const keep = (text: string): void => void (before += text)
      stream.on('data', keep)
      connection().pause()
      return {
        pulled,
        taken: () => connection().bytesRead + inKernel(port),
        resume(got) {
          got(before)
          stream.off('data', keep).on('data', got)
          connection().resume()
        },
      }
    },
  },
  {
    name: 'sse',
    async stall(atEnd) {
      const { source, pulled } = fast()
      const reader = sse(source).body!.pipeThrough(new TextDecoderStream()).getReader()
      let text = ''
      for (let read = 0; read < 50; read++) text += (await reader.read()).value
      return {
        pulled,
        taken: () => text.length,
        resume(got) {
          got(text)
          const over = new AbortController()
          atEnd(() => over.abort())
          void (async () => {
            while (!over.signal.aborted) {
              const { done, value } = await reader.read()
              if (done) return
              got(value)
              await new Promise(setImmediate)
            }
            await reader.cancel()
          })()
        },
      }
    },
  },
]

describe.concurrent('a client that stops reading', () => {
  test.for(ways)('is pulled for no further, and served on when it reads again: $name', async ({ skip, stall }, context) => {
    const { expect } = context
    if (skip) context.skip()
    const { pulled, taken, resume } = await stall((end) => context.onTestFinished(end))
    await when(() => pulled() > 0)
    // Several looks: after a pause of the machine a timer may come before what has arrived meanwhile.
    for (let last = -1, looks = 0; looks < 3; looks = last === pulled() ? looks + 1 : 0) {
      last = pulled()
      await sleep(150)
    }
    const held = pulled() - taken()
    const before = pulled()
    expect(held).toBeLessThanOrEqual(HELD)

    await sleep(5000)
    expect(pulled()).toBe(before)

    let count = 0
    const parser = createParser({
      onItem({ data }) {
        count++
        if (Number.parseInt(data) !== count) throw new Error(`Item ${count} is ${data.slice(0, 10)}`)
      },
    })
    let failure: unknown
    let isFirst = true
    resume((text) => {
      try {
        // HTTP/1.0: the head, then the bare body.
        parser.feed(isFirst ? text.replace(/^HTTP[^]*?\r\n\r\n/, '') : text)
        isFirst = false
      } catch (error) {
        failure = error
      }
    })
    await when(() => failure !== undefined || count * ITEM > before + 1024 * 1024)
    expect(failure).toBe(undefined)
  })
})

function connectTo(port: number, atEnd: AtEnd): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  atEnd(() => void socket.destroy())
  return socket
}

/** A way to a server that can be held up between the two. */
async function throughProxy(port: number, atEnd: AtEnd): Promise<{ url: string; connection: () => Socket }> {
  let connection: Socket | undefined
  const proxy = createServer((client) => {
    connection = connectTo(port, atEnd)
    client.on('error', () => {})
    client.pipe(connection)
    // Not piped: pausing is ours alone.
    connection.on('data', (chunk: Buffer) => void client.write(chunk))
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  atEnd(() => void proxy.close())
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, connection: () => connection! }
}

/** What Linux holds at this moment of what a server has sent: unsent, under way, and not read. */
function inKernel(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  let bytes = 0
  for (const line of readFileSync(PROC, 'utf8').split('\n').slice(1)) {
    const [, from = '', to = '', state, queues = ''] = line.trim().split(/\s+/)
    if (state !== '01') continue
    const [sending = '0', received = '0'] = queues.split(':')
    if (from.endsWith(local)) bytes += Number.parseInt(sending, 16)
    if (to.endsWith(local)) bytes += Number.parseInt(received, 16)
  }
  return bytes
}
