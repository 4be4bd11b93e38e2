interface Kept {
  /** How many products were shown. */
  readonly shown?: number
  /** How far down somebody was, in pixels. */
  readonly y?: number
}

export interface Place {
  /** To be called when everything is there. */
  restore(): void
}

/** What is kept of this step of the browser's history. */
export function stateOf(): Kept {
  return (history.state ?? {}) as Kept
}

/**
 * Where somebody was on the page, for when they come back to it: the browser looks for the place before the products are there, and
 * gives up at the end of a page that is still short.
 */
export function createPlace(): Place {
  const { y } = stateOf()
  const [entry] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
  let isLooking = y !== undefined && (entry?.type === 'back_forward' || entry?.type === 'reload')
  // Who scrolls meanwhile wants to be elsewhere.
  for (const type of ['wheel', 'touchmove', 'keydown', 'pointerdown'] as const) {
    addEventListener(type, () => (isLooking = false), { once: true, passive: true })
  }
  addEventListener('pagehide', () => history.replaceState({ ...stateOf(), y: Math.round(scrollY) }, ''))
  return {
    restore() {
      if (isLooking) scrollTo({ top: y as number, behavior: 'instant' })
      isLooking = false
    },
  }
}
