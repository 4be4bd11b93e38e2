import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createSecureServer, type Http2SecureServer, type Http2Session } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { Hub } from '../hub/hub.js'
import { nodeHandler } from '../respond/node-handler.js'
import { Failure, UsageError } from './args.js'
import { losePatience, PATIENCE } from './patience.js'
import type { ServeOptions } from './serve-options.js'

// How long connections may take to end by themselves when the server stops.
const LINGER = 1000
// When nothing has come for so long, nothing is on its way any more; and how long that is waited for where somebody publishes all the time.
const QUIET = 100
const RESTLESS = 2000

interface Closable {
  readonly server: Server | Http2SecureServer
  /**
   * Resolves when all that has come is answered and nothing more comes, or after two seconds: a system takes connections in the name of a
   * process that it hasn't told yet, and cuts them off when it closes.
   */
  quiet(): Promise<void>
  /** Takes no more connections, and ends those that there are; when it is urged, at once. */
  close(urged: Promise<void>): Promise<void>
}

export function createServerFor(hub: Hub, { tls }: ServeOptions): Closable {
  const handle = nodeHandler(hub)
  let isEnding = false
  let underWay = 0
  let seen = 0
  const listener = ((req: IncomingMessage, res: ServerResponse) => {
    seen++
    underWay++
    res.once('close', () => underWay--)
    // Who asks again asks on a connection of its own, not on one that is just being closed.
    if (isEnding && req.httpVersionMajor === 1) res.shouldKeepAlive = false
    void handle(req, res)
  }) as RequestListener
  const server = tls ? secureServer(tls, listener) : createServer(PATIENCE, listener)
  const sockets = new Set<Socket>()
  const sessions = new Set<Http2Session>()
  server.on('connection', (socket: Socket) => {
    seen++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('session', (session: Http2Session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
  })
  return {
    server,
    async quiet() {
      isEnding = true
      const end = performance.now() + RESTLESS
      let before = -1
      const isQuiet = (): boolean => seen === before && underWay === 0
      while (!isQuiet() && performance.now() < end) {
        before = seen
        await new Promise((resolve) => setTimeout(resolve, QUIET))
        // Also when this process stood still meanwhile: what has come by now is seen first.
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    async close(urged) {
      if (!server.listening) return
      const closed = new Promise((resolve) => server.close(resolve))
      for (const session of sessions) session.close()
      const cut = (): void => {
        for (const socket of sockets) socket.destroy()
      }
      const timer = setTimeout(cut, LINGER)
      void urged.then(cut)
      await closed
      clearTimeout(timer)
    },
  }
}

function secureServer(tls: NonNullable<ServeOptions['tls']>, listener: RequestListener): Http2SecureServer {
  try {
    // With HTTP/2 a browser has all its streams on one connection, instead of six at most.
    const server = createSecureServer(
      { ...tls, ...PATIENCE, handshakeTimeout: PATIENCE.headersTimeout, allowHTTP1: true },
      listener as never,
    )
    losePatience(server)
    return server
  } catch (cause) {
    throw new UsageError(`--tls-cert and --tls-key don't fit together, or are no PEM files (${(cause as Error).message})`, { cause })
  }
}

export async function listen(server: Server | Http2SecureServer, { port, host, tls }: ServeOptions): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFailure(error, port, host)))
    server.listen({ port, host }, resolve)
  })
  const { port: bound, address, family } = server.address() as AddressInfo
  return `${tls ? 'https' : 'http'}://${family === 'IPv6' ? `[${address}]` : address}:${bound}`
}

function listenFailure(error: NodeJS.ErrnoException, port: number, host: string): Failure {
  const { code = error.message } = error
  if (code === 'EADDRINUSE') return new Failure(`--port ${port} is in use on ${host}: choose another, or 0 for any that is free`)
  if (code === 'EACCES') return new Failure(`--port ${port} is not allowed to this user: choose one from 1024 on`)
  return new Failure(`--host ${host} can't be listened on (${code}): name an address of this machine`)
}
