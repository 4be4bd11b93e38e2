import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Chunk, FeedWrite } from './feed.js'
import type { NodeRequest, NodeResponse } from './node.js'

/** Writes to a Node response. */
export interface NodeWriter {
  /** False: the kernel has enough; `drained` is called when it takes more. */
  write(text: string | Uint8Array): boolean
  /** A feed's ready chunks: to the socket itself where that is safe. */
  readonly feed: FeedWrite
  /** Takes the listeners away. */
  stop(): void
}

export function createNodeWriter(req: NodeRequest, res: NodeResponse, drained: () => void): NodeWriter {
  const response = res as ServerResponse
  let raw: Socket | undefined
  let listening = false
  res.on('drain', drained)

  function write(text: string | Uint8Array): boolean {
    const takesMore = response.write(text)
    // Compression middleware holds small writes back until it is told.
    if ('flush' in res && typeof res.flush === 'function') res.flush()
    return takesMore
  }

  /**
   * Not through `res.write()`, which would frame the same bytes again for each of thousands of responses. Each thing that is looked at
   * here is another one fetched from memory for each of them: there are as few as are safe.
   */
  function feed(chunk: Chunk): boolean {
    raw ??= rawSocketOf(req, response)
    // Asked anew each time: it may have ended, or been given to the next response of its connection.
    if (!raw || response.socket !== raw || response.writableEnded || response.write !== ServerResponse.prototype.write)
      return write(chunk.bytes)
    // False says only that much was written at once; when the kernel has taken all of it, nobody has to wait.
    if (raw.write(chunk.framed) || raw.writableLength === 0) return true
    // The response tells of a drain only when it has been asked to write itself.
    if (!listening) raw.on('drain', drained)
    listening = true
    return false
  }

  return {
    write,
    feed,
    stop() {
      res.off('drain', drained)
      if (listening) raw?.off('drain', drained)
    },
  }
}

/**
 * The socket, when what is written to it is the body of this response and of no other: not HTTP/2, not a response that waits behind
 * another one on its connection, not one whose end the client knows by the connection's (HTTP/1.0), none without a body (HEAD), none that
 * somebody else encodes (compression middleware has a `write` of its own).
 */
function rawSocketOf(req: NodeRequest, res: ServerResponse): Socket | undefined {
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
