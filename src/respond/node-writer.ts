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
  // What the chunks go to; null when the response has been ended, by whomever.
  let raw: Socket | null | undefined
  let listening = false
  res.on('drain', drained)

  function write(text: string | Uint8Array): boolean {
    const takesMore = response.write(text)
    // Compression middleware holds small writes back until it is told.
    if ('flush' in res && typeof res.flush === 'function') res.flush()
    return takesMore
  }

  /**
   * Not through `res.write()`, which would frame the same bytes again for each of thousands of responses. Nor is the response asked each
   * time whether it has ended, it tells: whatever is looked at here is fetched from memory once more for each of them.
   */
  function feed(chunk: Chunk): boolean {
    if (!raw) {
      if (raw === null) return true
      raw = rawSocketOf(req, response)
      if (!raw) return write(chunk.bytes)
      response.once('prefinish', cut)
    }
    // False says only that much was written at once; when the kernel has taken all of it, nobody has to wait.
    if (raw.write(chunk.framed) || raw.writableLength === 0) return true
    // The response tells of a drain only when it has been asked to write itself.
    if (!listening) raw.on('drain', drained)
    listening = true
    return false
  }

  /** `end()` has written the last chunk: what came after it would be the beginning of another response. */
  function cut(): void {
    if (listening) raw?.off('drain', drained)
    listening = false
    raw = null
  }

  return {
    write,
    feed,
    stop() {
      res.off('drain', drained)
      response.off('prefinish', cut)
      cut()
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
