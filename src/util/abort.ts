/** Calls `run` with the reason when one of the signals aborts, at once if one has. Returns how to stop listening. */
export function onAbort(signals: readonly (AbortSignal | undefined)[], run: (reason: unknown) => void): () => void {
  const off = (): void => {
    for (const signal of signals) signal?.removeEventListener('abort', listener)
  }
  let called = false
  function listener(this: AbortSignal): void {
    off()
    if (called) return
    called = true
    run(this.reason)
  }
  for (const signal of signals) signal?.addEventListener('abort', listener)
  for (const signal of signals) if (signal?.aborted) listener.call(signal)
  return off
}
