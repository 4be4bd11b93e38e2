import type { Engine } from '../engines/engine.js'
import type { Opt } from '../protocol/item.js'
import { createBench, type Bench } from './engine/bench.js'
import { followRules, sharedFollowRules } from './engine/follow.js'
import { historyRules } from './engine/history.js'
import { idempotencyRules } from './engine/idempotency.js'
import { lifeRules } from './engine/life.js'
import { modelRules } from './engine/model.js'
import { nodesRules, sharedNodesRules } from './engine/nodes.js'
import { orderRules } from './engine/order.js'
import { pageRules } from './engine/pages.js'
import { storeRules } from './engine/stores.js'
import { textRules } from './engine/texts.js'
import { watchRules } from './engine/watch.js'

export interface TestEngineOptions extends Opt<{
  /**
   * Opens the store of the last `createEngine()` once more: after it was closed, and for engines that are `shared` also beside it. Without
   * it nothing is asked about what outlives a process.
   */
  reopen: () => Engine | Promise<Engine>
  /** As `createEngine`, of an engine that remembers few topics: to see it forget one and meet it again. */
  createForgetful: () => Engine | Promise<Engine>
}> {
  /** Any runner's: `test` of vitest or node:test, `Deno.test`. */
  readonly test: (name: string, run: () => Promise<void>) => void
  /** A new engine on a new, empty store, not opened yet. */
  readonly createEngine: () => Engine | Promise<Engine>
}

/** One test of the suite. */
interface Rule {
  readonly name: string
  readonly run: (bench: Bench) => Promise<void>
}

/**
 * Registers one test for each rule of an engine (docs/engines.md): who passes them all is one. Each opens an engine of its own and closes
 * it again.
 */
export function testEngine({ test, createEngine, reopen, createForgetful }: TestEngineOptions): void {
  const rules: readonly Rule[] = [
    ...orderRules,
    ...pageRules,
    ...historyRules,
    ...idempotencyRules,
    ...watchRules,
    ...followRules,
    ...nodesRules,
    ...(reopen ? [...sharedFollowRules, ...sharedNodesRules] : []),
    ...textRules,
    ...lifeRules,
    ...storeRules(reopen !== undefined, createForgetful !== undefined),
    ...modelRules,
  ]
  for (const { name, run } of rules) {
    test(name, async () => {
      const bench = await createBench({ createEngine, reopen, createForgetful })
      try {
        await run(bench)
      } finally {
        await bench.end()
      }
    })
  }
}
