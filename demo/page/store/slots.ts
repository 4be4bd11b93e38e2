/** How many streams of the shop all windows of a browser have open together: of six connections two are left to load pages. */
const SLOTS = 4

/**
 * `fetch` for streams, which waits until one of the slots is free and holds it as long as the connection lasts.
 *
 * Over HTTP/1.1 a browser opens six connections to one host, over all its windows: the seventh stream would keep every page of the
 * host from loading. Hidden tabs have none anyway (`pauseWhenHidden`); this is for windows side by side.
 */
export function createSlottedFetch(onwait: (waiting: boolean) => void): (url: string, init: RequestInit) => Promise<Response> {
  return async (url, init) => {
    const signal = init.signal as AbortSignal
    const release = await takeSlot(signal, onwait)
    try {
      const response = await fetch(url, init)
      return response.body ? new Response(held(response.body, release), response) : (release(), response)
    } catch (error) {
      release()
      throw error
    }
  }
}

/** Resolves with what gives it back. A page that closes gives it back too: the browser sees to that. */
function takeSlot(signal: AbortSignal, onwait: (waiting: boolean) => void): Promise<() => void> {
  const { locks } = navigator as { locks?: LockManager }
  // Without locks (a page that isn't secure) there is no counting.
  if (!locks) return Promise.resolve(() => {})
  return new Promise((resolve, reject) => {
    const others = new AbortController()
    const giveUp = (): void => {
      others.abort(signal.reason)
      reject(signal.reason as Error)
    }
    if (signal.aborted) return giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
    let taken = false
    const timer = setTimeout(() => onwait(true), 400)
    // Asks for all, keeps the first, and leaves the queues of the others.
    for (let slot = 1; slot <= SLOTS; slot++) {
      locks
        .request(`store-stream-${slot}`, { signal: others.signal }, () => {
          if (taken || signal.aborted) return undefined
          taken = true
          clearTimeout(timer)
          onwait(false)
          return new Promise<void>((release) => {
            resolve(release)
            signal.removeEventListener('abort', giveUp)
            others.abort()
          })
        })
        .catch(() => {})
    }
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  })
}

/** A body that tells when it is over, however that comes about. */
function held(body: ReadableStream<Uint8Array>, release: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (!done) return controller.enqueue(value)
          release()
          controller.close()
        } catch (error) {
          release()
          controller.error(error)
        }
      },
      cancel(reason) {
        release()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
