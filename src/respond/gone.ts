import type { Socket } from 'node:net'
import type { NodeRequest, NodeResponse } from './node.js'

const closings = new WeakMap<Socket, Set<() => void>>()

/**
 * Calls `run` when a response is over: sent to its end, or its client gone. Returns how to stop listening.
 *
 * The response's own `close` is what counts (the request's comes when its body has been read); but a response that waits behind
 * another one on a pipelined connection has no socket yet and never tells, so the connection is listened to as well.
 */
export function onGone(req: NodeRequest, res: NodeResponse, run: () => void): () => void {
  res.on('close', run)
  res.on('finish', run)
  // A write that crosses the client's leaving: `close` follows.
  res.on('error', noop)
  const offSocket = req.httpVersionMajor < 2 ? onSocketClose(req.socket, run) : noop
  // Left before anybody listened. The connection knows of a response that waits on it, and on HTTP/2 of its stream.
  if (res.destroyed || req.socket.destroyed) queueMicrotask(run)
  return () => {
    res.off('close', run)
    res.off('finish', run)
    res.off('error', noop)
    offSocket()
  }
}

/** One listener per connection, however many responses wait on it. */
function onSocketClose(socket: Socket, run: () => void): () => void {
  const known = closings.get(socket)
  const runs = known ?? new Set()
  runs.add(run)
  if (!known) {
    closings.set(socket, runs)
    socket.once('close', closed)
  }
  return () => {
    runs.delete(run)
    if (runs.size > 0 || closings.get(socket) !== runs) return
    closings.delete(socket)
    socket.off('close', closed)
  }

  function closed(): void {
    closings.delete(socket)
    for (const each of runs) each()
  }
}

function noop(): void {}
