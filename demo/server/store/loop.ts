/** Work that is done again and again until it is stopped, by one at a time. */
export interface Loop {
  /** Now, or right after the round that is under way. */
  wake(): void
  /** Resolves when the round that is under way has ended. */
  stop(): Promise<void>
}

// After a failure: the database may be restarting.
const PAUSE = 1_000

/** `round` returns for how many milliseconds there is nothing to do. What it throws is printed, and tried again. */
export function startLoop(name: string, round: () => Promise<number>): Loop {
  const state = { stopped: false, again: false }
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let complaint = ''
  wake()

  function wake(): void {
    state.again = true
    if (running || state.stopped) return
    clearTimeout(timer)
    running = run()
  }

  async function run(): Promise<void> {
    let rest = 0
    while (state.again && !state.stopped) {
      state.again = false
      rest = await attempt()
    }
    running = undefined
    // In the same turn as the look at `again`: nobody's wake() gets lost between.
    if (!state.stopped) timer = setTimeout(wake, rest)
  }

  async function attempt(): Promise<number> {
    try {
      const rest = await round()
      complaint = ''
      return rest
    } catch (error) {
      const words = (error as Error).message
      // Once, not each second for as long as it lasts.
      if (!state.stopped && words !== complaint)
        console.error(`The store's ${name} has failed and is tried again: ${words}`)
      complaint = words
      // Also where it was woken meanwhile.
      state.again = false
      return PAUSE
    }
  }

  return {
    wake,
    async stop() {
      state.stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
