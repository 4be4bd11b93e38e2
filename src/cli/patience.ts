import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse, Http2Session } from 'node:http2'
import type { TLSSocket } from 'node:tls'

/** How long a client may take to say what it wants, in milliseconds, and how much of it. */
export const PATIENCE = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  // How often node:http looks who is late.
  connectionsCheckingInterval: 2000,
  maxHeaderSize: 16_384,
} as const

type Connection = TLSSocket | Http2Session

/**
 * Cuts connections that take longer, byte by byte or in silence. node:http does it by itself; a server of node:http2 doesn't, neither for
 * HTTP/2 nor for those that speak HTTP/1.1 with it.
 */
export function losePatience(server: Http2SecureServer): void {
  const waits = new Map<Connection, ReturnType<typeof setTimeout>>()
  const requests = new Map<Connection, number>()

  /** Nothing is asked on it. */
  function wait(connection: Connection, time: number): void {
    clearTimeout(waits.get(connection))
    const timer = setTimeout(() => {
      // Told before, so that a browser asks nothing more on it.
      if ('goaway' in connection) connection.goaway()
      connection.destroy()
    }, time)
    waits.set(connection, timer.unref())
  }

  function begin(connection: Connection): void {
    connection.on('close', () => {
      clearTimeout(waits.get(connection))
      waits.delete(connection)
      requests.delete(connection)
    })
    wait(connection, PATIENCE.headersTimeout)
  }

  server.on('secureConnection', (socket) => {
    // The others are sessions.
    if (socket.alpnProtocol !== 'h2') begin(socket)
  })
  server.on('session', begin)
  server.on('request', (req: Http2ServerRequest | IncomingMessage, res: Http2ServerResponse | ServerResponse) => {
    const connection = 'stream' in req ? req.stream.session : (req.socket as TLSSocket)
    if (!connection || !waits.has(connection)) return
    clearTimeout(waits.get(connection))
    requests.set(connection, (requests.get(connection) ?? 0) + 1)
    const late = setTimeout(() => {
      if (!isComplete(req)) req.destroy()
    }, PATIENCE.requestTimeout).unref()
    res.on('close', () => {
      clearTimeout(late)
      if (!waits.has(connection)) return
      const left = (requests.get(connection) ?? 1) - 1
      requests.set(connection, left)
      if (left === 0) wait(connection, PATIENCE.requestTimeout)
    })
  })
}

/** Whether all of the request has come, read or not. */
function isComplete(req: Http2ServerRequest | IncomingMessage): boolean {
  return 'stream' in req ? req.stream.destroyed || req.stream.state.remoteClose === 1 : req.complete
}
