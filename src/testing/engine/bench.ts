import type { AppendOptions, Appended, Engine, History, Page, ReadOptions, StoredItem } from '../../engines/engine.js'
import { show } from '../../protocol/fields.js'
import type { Selector } from '../../protocol/topic.js'
import { SseError, type SseErrorCode } from '../../errors.js'

type Make = (() => Engine | Promise<Engine>) | undefined

/** What a rule works with: an open engine on an empty store. */
export interface Bench {
  readonly engine: Engine
  readonly epoch: string
  /** The head of the empty store. */
  readonly head: number
  /** Opens the same store once more; closed at the end. */
  reopen(): Promise<Engine>
  /** An engine on another empty store that remembers few topics. */
  forgetful(): Promise<Engine>
  end(): Promise<void>
}

export async function createBench(make: { createEngine: Make; reopen: Make; createForgetful: Make }): Promise<Bench> {
  const engines: Engine[] = []
  const open = async (create: Make): Promise<{ engine: Engine; epoch: string; head: number }> => {
    if (!create) throw new Error('This rule needs another way to make an engine')
    const engine = await create()
    engines.push(engine)
    return { engine, ...(await engine.open()) }
  }
  const end = async (): Promise<void> => {
    for (const engine of engines.toReversed()) await engine.close()
  }
  try {
    return {
      ...(await open(make.createEngine)),
      reopen: async () => (await open(make.reopen)).engine,
      forgetful: async () => (await open(make.createForgetful)).engine,
      end,
    }
  } catch (error) {
    await end()
    throw error
  }
}

const ALL: ReadOptions = { limit: 100_000, bytes: 2 ** 30 }

/** Appends and answers with the position; `data` says it all. */
export async function put(
  engine: Engine,
  topic: string,
  data: string,
  history: History = {},
  more: Partial<AppendOptions> = {},
): Promise<Appended> {
  const appended = await engine.append(topic, { data }, { history, ...more })
  if (!appended) throw new Error(`append() without a transaction answered ${show(appended)} instead of a position`)
  const { epoch, seq, prev } = appended
  return { epoch, seq, prev }
}

export function read(
  engine: Engine,
  selectors: Selector | readonly Selector[],
  after = 0,
  options: Partial<ReadOptions> = {},
): Promise<Page> {
  return engine.read(Array.isArray(selectors) ? (selectors as readonly Selector[]) : [selectors as Selector], after, { ...ALL, ...options })
}

export function seqs(items: readonly { readonly seq: number }[]): number[] {
  return items.map(({ seq }) => seq)
}

export function datas(items: readonly StoredItem[]): string[] {
  return items.map(({ fields }) => fields.data)
}

export function check(truth: boolean, said: string): asserts truth {
  if (!truth) throw new Error(said)
}

/** Compares numbers, texts, and lists of them. */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [a, e] = [textOf(actual), textOf(expected)]
  if (a !== e) throw new Error(`${what}: ${e} was expected, but it is ${a}`)
}

function textOf(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined'
  return text.length > 300 ? `${text.slice(0, 300)}... (${text.length} characters)` : text
}

export async function rejects(promise: Promise<unknown>, code: SseErrorCode, what: string): Promise<void> {
  let error: unknown
  try {
    await promise
  } catch (reason) {
    error = reason
  }
  check(error !== undefined, `${what} must be refused with ${code}`)
  check(
    error instanceof SseError && error.code === code,
    `${what} must be refused with an SseError ${code}, but it threw ${error instanceof Error ? `${error.name}: ${error.message}` : show(error)}`,
  )
}

// Looks that are 5 ms apart: on a machine that is slow, busy or stopped for a while they take longer, and so does the patience.
const LOOKS = 700

/** Waits for something to become true; hints have no other promise. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, within = 5000): Promise<void> {
  const end = performance.now() + within
  for (let looks = 0; !(await condition()); looks++) {
    check(performance.now() < end || looks < LOOKS, `${what}: not within ${within} ms`)
    await wait(5)
  }
}

export function wait(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time))
}
