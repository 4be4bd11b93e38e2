import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'

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
