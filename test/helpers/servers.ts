import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  connect as connect2,
  createServer as createServer2,
  type ClientHttp2Session,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Listening<S> {
  readonly server: S
  readonly port: number
  readonly url: string
  /** The server's end of every connection, in order. */
  readonly sockets: readonly Socket[]
}

type Handle = (req: IncomingMessage, res: ServerResponse) => void
type Handle2 = (req: Http2ServerRequest, res: Http2ServerResponse) => void

/** How to do something when a test is over. Concurrent tests must say it themselves. */
export type AtEnd = (end: () => Promise<void> | void) => void

/** A real server on a port of its own, gone with the test. */
export function serve(handle: Handle, atEnd: AtEnd = onTestFinished): Promise<Listening<Server>> {
  return listen(createServer(handle), atEnd)
}

/** The same for HTTP/2 in clear text. */
export function serve2(handle: Handle2, atEnd: AtEnd = onTestFinished): Promise<Listening<Http2Server>> {
  return listen(createServer2(handle), atEnd)
}

async function listen<S extends Server | Http2Server>(server: S, atEnd: AtEnd): Promise<Listening<S>> {
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => sockets.push(socket))
  atEnd(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { server, port, url: `http://127.0.0.1:${port}`, sockets }
}

/** A session with an HTTP/2 server, gone with the test. */
export async function session2(url: string, options?: Parameters<typeof connect2>[1]): Promise<ClientHttp2Session> {
  const session = connect2(url, options)
  session.on('error', () => {})
  onTestFinished(() => session.destroy())
  await once(session, 'connect')
  return session
}

export interface RawClient {
  readonly socket: Socket
  /** All that came. */
  readonly text: () => string
  readonly send: (text: string) => void
  /** Resolves when `text` has come. */
  readonly until: (text: string | RegExp) => Promise<void>
  /** Resolves when the server has closed the connection. */
  readonly closed: () => Promise<void>
}

/** A connection on which a test says every byte itself. */
export async function raw(port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let text = ''
  let isClosed = false
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.on('error', () => {})
  socket.on('close', () => (isClosed = true))
  await once(socket, 'connect')
  return {
    socket,
    text: () => text,
    send: (part) => void socket.write(part, 'latin1'),
    until: (part) =>
      when(
        () => (typeof part === 'string' ? text.includes(part) : part.test(text)),
        () => `${String(part)} in ${JSON.stringify(text)}`,
      ),
    closed: () =>
      when(
        () => isClosed,
        () => `the end of ${JSON.stringify(text)}`,
      ),
  }
}

/** Waits until something is so; at most `within` milliseconds, far beyond what it takes: a busy machine is no failure. */
export async function when(isSo: () => boolean, what: () => string = () => String(isSo), within = 30_000): Promise<void> {
  const end = performance.now() + within
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`Not within ${within} ms: ${what()}`)
    await sleep(2)
  }
}

/** A source that waits for ever, whatever it is told. */
export async function* never(): AsyncGenerator<string> {
  await new Promise(() => {})
  yield 'never'
}

export function sleep(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time))
}

/** A header as it must be given to Node to be sent in UTF-8, as browsers send it. */
export function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
