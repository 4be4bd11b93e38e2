import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Chunk } from './feed.js'
import type { NodeRequest, NodeResponse } from './node.js'

/** Writes to a Node response: text and bytes through `res.write()`, a feed's ready chunks to the socket itself where that is safe. */
export interface NodeWriter {
  /** False: the kernel has enough; `drained` is called when it takes more. */
  write(text: string | Chunk): boolean
  /** Takes the listeners away. */
  stop(): void
}

export function createNodeWriter(req: NodeRequest, res: NodeResponse, drained: () => void): NodeWriter {
  const response = res as ServerResponse
  let raw: Socket | undefined
  let listening = false
  res.on('drain', drained)

  /**
   * Not through `res.write()`: framing the same bytes again for each of thousands of responses costs more than all the rest of ours.
   *
   * @see docs/performance.md
   */
  function writeRaw(to: Socket, bytes: Uint8Array): boolean {
    // False says only that much was written at once; when the kernel has taken all of it, nobody has to wait.
    if (to.write(bytes) || to.writableLength === 0) return true
    // The response tells of a drain only when it has been asked to write itself.
    if (!listening) to.on('drain', drained)
    listening = true
    return false
  }

  return {
    write(text) {
      if (typeof text === 'string') return text === '' || response.write(text)
      raw ??= rawSocketOf(req, response)
      // Asked anew each time: it may have ended, or been given to the next response of its connection.
      const isMine = raw && response.socket === raw && !response.writableEnded && response.write === ServerResponse.prototype.write
      return isMine ? writeRaw(raw as Socket, text.framed) : response.write(text.bytes)
    },
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
