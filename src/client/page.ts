export interface Page {
  /** Whether a connection would be of use. */
  readonly isAwake: boolean
  /** Resolves when it is. */
  awake(): Promise<void>
  stop(): void
}

/**
 * Watches whether a page sleeps: while it lies in the back-forward cache (where an open connection would not let it in, or not let it
 * live) and, if `whenHidden`, while nobody sees it. Where there is no page, all is awake.
 */
export function watchPage(whenHidden: boolean, onSleep: () => void): Page {
  const { document } = globalThis
  const watching = new AbortController()
  let isAway = false
  let wake = (): void => {}
  const isAwake = (): boolean => !isAway && !(whenHidden && document?.visibilityState === 'hidden')
  let wasAwake = isAwake()

  function look({ type }: Event): void {
    isAway = type === 'pagehide' || (isAway && type !== 'pageshow')
    if (isAwake()) wake()
    else if (wasAwake) onSleep()
    wasAwake = isAwake()
  }

  if (document) {
    for (const type of ['pagehide', 'pageshow', 'visibilitychange']) addEventListener(type, look, { signal: watching.signal })
  }
  return {
    get isAwake() {
      return isAwake()
    },
    awake: () => new Promise((resolve) => (isAwake() ? resolve() : (wake = resolve))),
    stop: () => watching.abort(),
  }
}
