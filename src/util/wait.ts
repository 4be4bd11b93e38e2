// "If delay is greater than 2147483647, it is set to 1" (Node); browsers wrap around. A server that says more means "not soon".
const LONGEST = 2 ** 31 - 1

/** `setTimeout` that takes any time for what it is. */
export function later(run: () => void, time: number): ReturnType<typeof setTimeout> {
  return setTimeout(run, Math.min(time, LONGEST))
}

/** A timer that keeps no process running: what it serves does, sockets say. Where timers are numbers there is nothing to say. */
export function unheld<T>(timer: T): T {
  ;(timer as { unref?: () => void }).unref?.()
  return timer
}

/** Resolves after so many milliseconds; rejects with the signal's reason as soon as it aborts. */
export function sleep(time: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const slept = new Promise<void>((resolve) => (timer = later(resolve, time)))
  return unlessAborted(slept, signal).finally(() => clearTimeout(timer))
}

/** What the promise gives, unless the signal aborts before: for what doesn't heed a signal, or not at once. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cut = (): void => reject(signal.reason)
    signal.addEventListener('abort', cut)
    if (signal.aborted) cut()
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', cut))
  })
}

/**
 * Resolves in a task of its own: everything that waits for promises has run by then. Not by setTimeout where it can be helped: after
 * five in a row browsers make it wait for 4 ms.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') return void setImmediate(resolve)
    if (typeof MessageChannel !== 'function') return void setTimeout(resolve)
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(0)
  })
}
