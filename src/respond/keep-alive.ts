/** One stream's part in what keeps all of them alive. */
export interface KeepAlive {
  /** Something was sent: the silence begins anew. */
  touch(): void
  stop(): void
}

interface Entry extends KeepAlive {
  due: number
  readonly interval: number
  readonly beat: () => void
}

// One timer for all streams of the process. It looks at every stream, 16 times per (shortest) interval: then `touch()`, which every
// item pays for, is one assignment, and 10,000 silent streams cost some 10,000 comparisons a second.
const GRAIN = 16
const entries = new Set<Entry>()
let timer: ReturnType<typeof setInterval> | undefined
let shortest = Infinity

/** Calls `beat` when there was no `touch()` for `interval` milliseconds (up to a sixteenth more); 0 is never. */
export function keepAlive(interval: number, beat: () => void): KeepAlive {
  const entry: Entry = {
    due: 0,
    interval,
    beat,
    touch() {
      entry.due = performance.now() + interval
    },
    stop() {
      entries.delete(entry)
      if (entries.size > 0) return
      clearInterval(timer)
      shortest = Infinity
    },
  }
  entry.touch()
  if (interval > 0) {
    entries.add(entry)
    if (interval < shortest) {
      shortest = interval
      clearInterval(timer)
      timer = setInterval(tick, interval / GRAIN)
      // The streams' sockets keep a process running, not this. In a browser it is a number.
      ;(timer as { unref?: () => void }).unref?.()
    }
  }
  return entry
}

function tick(): void {
  const now = performance.now()
  for (const entry of entries) {
    if (entry.due > now) continue
    entry.touch()
    entry.beat()
  }
}
