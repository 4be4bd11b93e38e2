const listening = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls `run` when the signal aborts, now if it has. Returns how to stop. One listener per signal, however many wait for it: a server
 * has one signal for all its streams, and runtimes warn of a leak from the eleventh listener on.
 */
export function whenAborted(signal: AbortSignal, run: () => void): () => void {
  if (signal.aborted) {
    run()
    return () => {}
  }
  const known = listening.get(signal)
  const runs = known ?? new Set()
  runs.add(run)
  if (!known) {
    listening.set(signal, runs)
    signal.addEventListener('abort', abort, { once: true })
  }
  return () => {
    runs.delete(run)
    if (runs.size > 0 || listening.get(signal) !== runs) return
    listening.delete(signal)
    signal.removeEventListener('abort', abort)
  }

  function abort(): void {
    listening.delete(signal)
    for (const each of runs) each()
  }
}
