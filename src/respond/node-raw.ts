import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { Socket } from 'node:net'

export type NodeRequest = IncomingMessage | Http2ServerRequest
export type NodeResponse = ServerResponse | Http2ServerResponse

/**
 * The socket, when what is written to it is the body of this response and of no other: not HTTP/2, not a response that waits behind
 * another one on its connection, not one whose end the client knows by the connection's (HTTP/1.0), none without a body (HEAD), none that
 * somebody else encodes (compression middleware has a `write` of its own).
 */
export function rawSocketOf(req: NodeRequest, res: ServerResponse): Socket | undefined {
  const { socket } = res
  const isPlain =
    socket !== null &&
    socket === req.socket &&
    req.method !== 'HEAD' &&
    req.httpVersionMajor === 1 &&
    res.chunkedEncoding &&
    res.headersSent &&
    res.write === ServerResponse.prototype.write &&
    !res.hasHeader('content-encoding')
  return isPlain ? socket : undefined
}

// Others build `net.Socket` their own way, and may answer each write later.
const isNode = !('bun' in process.versions) && !('deno' in process.versions)

/**
 * Whether bytes may be given to the kernel past the queue of the socket's stream, of which two fifths of the cost of a small write are: a
 * plain TCP socket that nobody has changed, and whose queue is empty. What a server writes to it later, the end of the response, comes
 * through the queue and after all of them.
 */
export function takesDirectly(socket: Socket): boolean {
  return (
    isNode &&
    Object.getPrototypeOf(socket) === Socket.prototype &&
    !Object.hasOwn(socket, 'write') &&
    !Object.hasOwn(socket, '_write') &&
    !socket.destroyed &&
    socket.writableCorked === 0 &&
    socket.writableLength === 0
  )
}

const WAITING = Symbol('waiting')
let outcome: Error | null | undefined | typeof WAITING

/** Shared by all sockets: whoever calls `_write()` looks at once. A later call says what the next write will say again. */
function settle(error?: Error | null): void {
  outcome = error
}

/**
 * Writes as the socket's stream has its queue written. False: the kernel has no room for all of it now, and gets the rest when it has;
 * what is written to the queue comes after it.
 */
export function writeDirectly(socket: Socket, bytes: Uint8Array): boolean {
  outcome = WAITING
  // oxlint-disable-next-line no-underscore-dangle -- what Node asks of every stream, by that name
  socket._write(bytes, 'buffer' as BufferEncoding, settle)
  if (outcome === WAITING) return false
  if (outcome) socket.destroy(outcome)
  return true
}
