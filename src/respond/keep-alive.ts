/** One stream's part in what keeps all of them alive. */
export interface KeepAlive {
  /** Something was sent: the silence begins anew. */
  touch(): void
  stop(): void
}

interface Entry {
  due: number
  readonly interval: number
  readonly beat: () => void
}

// One timer for all streams of the process. It looks at every stream, so it ticks at most 16 times per interval: then `touch()`, which
// every item pays for, is one assignment, and 10,000 silent streams cost 10,000 comparisons a second.
const GRAIN = 16
const entries = new Set<Entry>()
let timer: ReturnType<typeof setTimeout> | undefined
let timerDue = Infinity

/** Calls `beat` when there was no `touch()` for `interval` milliseconds (up to a sixteenth more); 0 is never. */
export function keepAlive(interval: number, beat: () => void): KeepAlive {
  const entry: Entry = { due: 0, interval, beat }
  const touch = (): void => {
    entry.due = performance.now() + interval
  }
  touch()
  if (interval > 0) {
    entries.add(entry)
    if (entry.due < timerDue) arm(entry.due)
  }
  return {
    touch,
    stop() {
      entries.delete(entry)
      if (entries.size === 0) arm(Infinity)
    },
  }
}

function arm(due: number): void {
  clearTimeout(timer)
  timerDue = due
  if (due === Infinity) return
  timer = setTimeout(tick, due - performance.now())
  // The streams' sockets keep a process running, not this.
  ;(timer as { unref?: () => void }).unref?.()
}

function tick(): void {
  const now = performance.now()
  let next = Infinity
  for (const entry of entries) {
    if (entry.due <= now) {
      entry.due = now + entry.interval
      entry.beat()
    }
    next = Math.min(next, Math.max(entry.due, now + entry.interval / GRAIN))
  }
  arm(next)
}
