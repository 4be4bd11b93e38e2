import type { Engine, Passed, StoredItem } from './engine.js'

interface Watcher {
  readonly onItems: Parameters<Engine['watch']>[0]
  readonly onReset: Parameters<Engine['watch']>[1]
  readonly onPassed: Parameters<Engine['watch']>[2]
}

/** Those who watch an engine. One that throws harms neither the others nor the engine: `console.error` has it. */
export interface Watchers {
  /** `watch` of the engine, whole. */
  readonly watch: Engine['watch']
  readonly count: number
  /** There are new items, in the order of `seq`, and the log goes so far. @param through without it: the last item's `seq` */
  tell(items: readonly StoredItem[], through?: number): void
  /** There are new items of topics that nobody follows. Who watches without `onPassed` is told how far the log goes. */
  pass(items: readonly Passed[], through?: number): void
  /** The store has lost everything, or is another one. */
  reset(epoch: string): void
  /** Nobody watches any more. */
  clear(): void
}

export function createWatchers(): Watchers {
  const watchers = new Set<Watcher>()
  return {
    watch(onItems, onReset, onPassed) {
      // An object for each call, so that who watches twice stops once at a time.
      const watcher = { onItems, onReset, onPassed }
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
    get count() {
      return watchers.size
    },
    tell(items, through = items.at(-1)?.seq ?? 0) {
      for (const { onItems } of watchers) call(() => onItems(items, through))
    },
    pass(items, through = items.at(-1)?.seq ?? 0) {
      for (const { onItems, onPassed } of watchers) call(() => (onPassed ? onPassed(items) : onItems([], through)))
    },
    reset(epoch) {
      for (const { onReset } of watchers) call(() => onReset(epoch))
    },
    clear: () => watchers.clear(),
  }
}

/** A listener that fails is its owner's to mend; the item is stored all the same. */
function call(listener: () => void): void {
  try {
    listener()
  } catch (error) {
    console.error(error)
  }
}
