// Runs the cases where there is no test runner: in a page, in Bun, in Deno.
import { connectCases } from './connect.cases.js'
import { eventSourceCases } from './event-source.cases.js'
import type { Case, Context, Runtime } from './helpers.js'

/** What can be told in a runtime. */
export function casesOf(runtime: Runtime): Case[] {
  return [...eventSourceCases, ...connectCases].filter(({ only }) => !only || only.includes(runtime))
}

/** Runs one, and closes what it has left open. */
export async function run(one: Case, server: Omit<Context, 'onEnd'>): Promise<void> {
  const closers: (() => void)[] = []
  try {
    await one.run({ ...server, onEnd: (close) => closers.push(close) })
  } finally {
    for (const close of closers) close()
  }
}

/** What went wrong with each, '' for nothing; the name before. */
export async function* runAll(server: Omit<Context, 'onEnd'>, parallel: number): AsyncGenerator<[name: string, problem: string]> {
  const waiting = casesOf(server.runtime)
  const running = new Set<Promise<[string, string, Promise<unknown>]>>()
  while (waiting.length > 0 || running.size > 0) {
    while (waiting.length > 0 && running.size < parallel) {
      const one = waiting.shift() as Case
      const ran = run(one, server).then(
        () => '',
        (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
      )
      const told: Promise<[string, string, Promise<unknown>]> = ran.then((problem) => [one.name, problem, told])
      running.add(told)
    }
    const [name, problem, told] = await Promise.race(running)
    running.delete(told as never)
    yield [name, problem]
  }
}
