/**
 * Runs something in time of its own: timers fire one after the other, in order, as fast as the processor goes. An hour takes no time, and
 * the same seed gives the same interleaving.
 */
export interface Clock {
  /** Milliseconds since the run began. */
  readonly now: number
  sleep(ms: number): Promise<void>
}

export interface ClockOptions {
  /** How many milliseconds of this time the run may take. @default 3_600_000 */
  readonly within?: number
  /** How much later it is at each look at the clock, in milliseconds: work takes time. @default () => 0.01 */
  readonly tick?: () => number
}

interface Timer {
  at: number
  readonly order: number
  readonly run: () => void
  readonly every: number | undefined
}

// What the promises of this very moment lead to is done first; only the real one knows when that is.
const realImmediate = setImmediate

// More is no work any more.
const STEPS = 30_000

const START = Date.UTC(2030, 0, 1)

export async function inVirtualTime<T>(
  run: (clock: Clock) => Promise<T>,
  { within = 3_600_000, tick = () => 0.01 }: ClockOptions = {},
): Promise<T> {
  const timers = new Set<Timer>()
  let now = 0
  let orders = 0
  let settled = false

  function add(run: () => void, delay: number, every?: number): object {
    const timer: Timer = { at: now + Math.max(0, delay), order: orders++, run, every }
    timers.add(timer)
    const handle = { timer, unref: () => handle, ref: () => handle, hasRef: () => true, [Symbol.dispose]: () => timers.delete(timer) }
    return handle
  }

  const clear = (handle: { timer?: Timer } | undefined): void => {
    if (handle?.timer) timers.delete(handle.timer)
  }

  function next(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of timers) {
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer
    }
    return first
  }

  const restore = replace([
    [globalThis, 'setTimeout', (run: (...args: unknown[]) => void, delay = 0, ...args: unknown[]) => add(() => run(...args), delay)],
    [globalThis, 'setInterval', (run: () => void, delay = 0) => add(run, delay, delay)],
    [globalThis, 'setImmediate', (run: (...args: unknown[]) => void, ...args: unknown[]) => add(() => run(...args), 0)],
    [globalThis, 'clearTimeout', clear],
    [globalThis, 'clearInterval', clear],
    [globalThis, 'clearImmediate', clear],
    [performance, 'now', () => (now += tick())],
    [Date, 'now', () => START + Math.floor(now)],
  ])
  try {
    const result = run({
      get now() {
        return now
      },
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    })
    result.then(
      () => (settled = true),
      () => (settled = true),
    )
    for (let steps = 0; ; steps++) {
      await new Promise<void>((resolve) => realImmediate(resolve))
      if (settled) return await result
      const timer = next()
      if (!timer) throw new Error(`Everything waits for something that never comes, at ${now} ms`)
      if (steps > STEPS) throw new Error(`Turns in circles, at ${now} ms`)
      if (timer.at > within) throw new Error(`Not over after ${within} ms`)
      now = Math.max(now, timer.at)
      if (timer.every === undefined) timers.delete(timer)
      else timer.at = now + Math.max(1, timer.every)
      timer.run()
    }
  } finally {
    restore()
  }
}

/** Puts functions in the place of others; returns how to put them back. */
function replace(rows: readonly (readonly [object, string, (...args: never[]) => unknown])[]): () => void {
  const before = rows.map(([owner, name, value]) => {
    const own = Object.getOwnPropertyDescriptor(owner, name)
    Object.defineProperty(owner, name, { value, configurable: true, writable: true })
    return { owner, name, own }
  })
  return () => {
    for (const { owner, name, own } of before) {
      if (own) Object.defineProperty(owner, name, own)
      else Reflect.deleteProperty(owner, name)
    }
  }
}
