// What the cases of both classes use, in any runtime: no test runner, no module of Node.
import { EventSource, type EventSourceOptions } from '../../src/client/index.js'
import type { Seen, Step } from './misbehaving-server.js'

export type Runtime = 'node' | 'chromium' | 'bun' | 'deno'

export interface Context {
  readonly runtime: Runtime
  /** The misbehaving server, and the same under another origin. */
  readonly url: string
  readonly other: string
  /** Calls what was left open, at the end of a case. */
  readonly onEnd: (close: () => void) => void
}

/** One promise, kept or broken. */
export interface Case {
  readonly name: string
  run(context: Context): Promise<void> | void
  /** The runtimes in which it can be told; all without. */
  readonly only?: readonly Runtime[]
}

export const notInBrowsers: readonly Runtime[] = ['node', 'bun', 'deno']

let count = 0

export interface Script {
  readonly url: string
  /** As it is after the origin. */
  readonly path: string
  readonly seen: () => Promise<Seen[]>
  /** Waits until so many requests have come. */
  readonly requests: (count: number) => Promise<Seen[]>
}

/** A URL of the misbehaving server at which the nth request gets the nth step. */
export function script(context: Context, steps: readonly Step[], origin: 'url' | 'other' = 'url'): Script {
  return commanded(context, `/script?steps=${encodeURIComponent(JSON.stringify(steps))}`, origin)
}

/** The numbered source that cuts off at random. */
export function numbers(context: Context, to: number, seed: number, exact: boolean): Script {
  return commanded(context, `/numbers?to=${to}&seed=${seed}${exact ? '&exact' : ''}`)
}

function commanded(context: Context, command: string, origin: 'url' | 'other' = 'url'): Script {
  const key = `${context.runtime}-${Date.now()}-${count++}`
  const path = `${command}&key=${key}`
  const seen = async (): Promise<Seen[]> => (await fetch(`${context.url}/seen?key=${key}`)).json() as Promise<Seen[]>
  return {
    url: context[origin] + path,
    path,
    seen,
    requests: (wanted) =>
      until(`${wanted} requests`, async () => {
        const got = await seen()
        return got.length >= wanted ? got : undefined
      }),
  }
}

interface Told {
  readonly type: string
  readonly data: unknown
  readonly lastEventId: string
  readonly origin: string
  readonly readyState: number
  readonly event: Event
}

export interface Watched {
  readonly source: EventSource
  /** All events, in order. */
  readonly told: Told[]
  /** Waits until so many events of a type have come; without a type, of any. */
  readonly until: (count: number, type?: string) => Promise<Told[]>
  /** The data of all messages of any name. */
  readonly data: () => unknown[]
}

/** An EventSource, and all that it tells. Closed at the end of the case. */
export function watch(context: Context, url: string | URL, options?: EventSourceOptions, types: readonly string[] = []): Watched {
  const source = new EventSource(url, options)
  const told: Told[] = []
  context.onEnd(() => source.close())
  for (const type of ['open', 'message', 'error', ...types]) {
    source.addEventListener(type, (event: MessageEvent) => {
      const { data, lastEventId, origin } = event
      told.push({ type, data: data as unknown, lastEventId, origin, readyState: source.readyState, event })
    })
  }
  return {
    source,
    told,
    data: () => told.filter(({ event }) => event instanceof MessageEvent).map(({ data }) => data),
    until: (wanted, type) =>
      until(
        `${wanted} ${type ?? 'events'}`,
        () => {
          const some = told.filter((one) => !type || one.type === type)
          return some.length >= wanted ? some : undefined
        },
        () => told.map(({ type, data }) => `${type} ${typeof data === 'string' ? data : ''}`).join(', '),
      ),
  }
}

/** Waits until `check` gives something. */
export async function until<T>(
  what: string,
  check: () => T | undefined | Promise<T | undefined>,
  had: () => string = () => '',
  within = 30_000,
): Promise<T> {
  const end = performance.now() + within
  for (;;) {
    const value = await check()
    if (value !== undefined) return value
    if (performance.now() > end) throw new Error(`Not within ${within} ms: ${what}; there were: ${had()}`)
    await sleep(5)
  }
}

export function sleep(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time))
}

/** Equal as JSON would tell it, with `undefined` said. */
export function equal(actual: unknown, expected: unknown, what = ''): void {
  const [got, wanted] = [show(actual), show(expected)]
  if (got !== wanted) throw new Error(`${what && `${what}: `}got ${got}\nwanted ${wanted}`)
}

export function ok(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(`not so: ${what}`)
}

/** What `run` throws, or rejects with. */
export async function thrown(run: () => unknown, what = ''): Promise<any> {
  try {
    await run()
  } catch (error) {
    return error
  }
  throw new Error(`nothing was thrown ${what}`)
}

/** The first items of a stream, then it is left. */
export async function take<T>(stream: AsyncIterable<T>, wanted: number): Promise<T[]> {
  const items: T[] = []
  if (wanted === 0) return items
  for await (const item of stream) if (items.push(item) === wanted) break
  return items
}

export async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  return take(stream, Infinity)
}

function show(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (one === undefined ? '(undefined)' : one)) ?? '(undefined)'
}
