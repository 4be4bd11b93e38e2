/** One stream's part in what keeps all of them alive. */
export interface KeepAlive {
  /** Something was sent: the silence begins anew. */
  touch(): void
  stop(): void
}

// One timer for all streams of the process. It looks at every stream, 16 times per (shortest) interval: then `touch()`, which every
// item pays for, is one assignment, and 10,000 silent streams cost some 10,000 comparisons a second.
const GRAIN = 16
const streams = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined
let shortest = Infinity

/** Calls `beat` when there was no `touch()` for `interval` milliseconds (up to a sixteenth more); 0 is never. */
export function keepAlive(interval: number, beat: () => void): KeepAlive {
  let due: number
  const touch = (): void => {
    due = performance.now() + interval
  }
  const look = (): void => {
    if (due <= performance.now()) {
      touch()
      beat()
    }
  }
  touch()
  if (interval) {
    streams.add(look)
    if (interval < shortest) {
      shortest = interval
      clearInterval(timer)
      timer = setInterval(() => {
        for (const look of streams) look()
      }, interval / GRAIN)
      // The streams' sockets keep a process running, not this. In a browser it is a number.
      ;(timer as { unref?: () => void }).unref?.()
    }
  }
  return {
    touch,
    stop() {
      streams.delete(look)
      if (!streams.size) {
        clearInterval(timer)
        shortest = Infinity
      }
    },
  }
}
