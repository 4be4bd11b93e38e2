/** A connection that can be sent away. */
export interface Leaver {
  /** Ends it; its client comes back after about so many milliseconds. */
  sendAway(retry: number): void
}

export interface Drain {
  /** Resolves when all of them have been sent away, or the drain was stopped. */
  readonly done: Promise<void>
  stop(): void
}

// When clients come back, in milliseconds: soon, but not all of those that were sent away together. A browser keeps it for later.
const RETRY = { min: 500, max: 2500 }
// How often it is looked at who is due, in milliseconds.
const LOOK = { min: 5, max: 50 }

/** Sends connections away one after the other, spread evenly over a time, so that whoever takes them gets them in the same way. */
export function createDrain(leavers: readonly Leaver[], within: number): Drain {
  const begun = performance.now()
  let count = 0
  let stop = (): void => {}
  const done = new Promise<void>((resolve) => {
    const timer = setInterval(look, Math.min(LOOK.max, Math.max(LOOK.min, within / leavers.length)))
    stop = () => {
      clearInterval(timer)
      resolve()
    }
    look()

    function look(): void {
      const part = within > 0 ? (performance.now() - begun) / within : 1
      const due = part < 1 ? Math.ceil(leavers.length * part) : leavers.length
      while (count < due) leavers[count++]?.sendAway(Math.round(RETRY.min + Math.random() * (RETRY.max - RETRY.min)))
      if (count === leavers.length) stop()
    }
  })
  return { done, stop: () => stop() }
}
