import type { Engine, StoredItem } from '../engine.js'
import { createWatchers } from '../watchers.js'
import { passedAfter } from './passing.js'
import { decodeItem, type Position } from './records.js'
import type { Store } from './store.js'
import type { Batch } from './write.js'

export interface News {
  readonly watch: Engine['watch']
  /** Of a commit of this process. */
  tell(batch: Batch): void
  stop(): void
}

// How often the head is looked at, for the items of other processes: a few microseconds each time.
const EVERY = 20
// Who is further behind is told only how far the log goes, and reads it in pages.
const MOST = 1000

/** Tells the watchers what is new: of this process at once, of others when it is seen. */
export function createNews(storeOf: () => Store | undefined, opened: Position | undefined): News {
  const watchers = createWatchers()
  let timer: ReturnType<typeof setInterval> | undefined
  let stopped = false
  let epoch = opened?.epoch
  // The highest `seq` that the watchers know of.
  let told = opened?.head ?? 0

  function look(): void {
    const store = storeOf()
    if (!store || watchers.count === 0) return
    try {
      store.renew()
      const position = store.position()
      changeTo(position)
      if (position.head > told) catchUp(store, position.head)
    } catch {
      // Hints may be lost; whoever reads the log hears what is wrong with it.
    }
  }

  function changeTo({ epoch: now, head }: { readonly epoch: string; readonly head: number }): void {
    if (now === epoch) return
    const first = epoch === undefined
    epoch = now
    told = head
    if (!first) watchers.reset(now)
  }

  function catchUp(store: Store, through: number): void {
    const items = through - told > MOST ? [] : itemsOf(store, told, through)
    told = through
    watchers.tell(items, through)
  }

  return {
    watch(...watcher) {
      if (stopped) return () => {}
      const stop = watchers.watch(...watcher)
      timer ??= setInterval(look, EVERY).unref()
      return () => {
        stop()
        if (watchers.count > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
    tell({ items, epoch, head }) {
      const first = items[0]
      if (!first || watchers.count === 0) return
      changeTo({ epoch, head: first.seq - 1 })
      const store = storeOf()
      if (store && first.seq > told + 1) catchUp(store, first.seq - 1)
      const unseen = items.filter(({ seq }) => seq > told)
      if (unseen.length === 0) return
      told = head
      watchers.tell(unseen, head)
    },
    stop() {
      stopped = true
      clearInterval(timer)
      watchers.clear()
    },
  }
}

function itemsOf(store: Store, after: number, through: number): StoredItem[] {
  const items: StoredItem[] = []
  for (const { key, value } of store.log.getRange({ start: after + 1, end: through + 1 })) {
    const topic = value.toString('latin1')
    const record = store.items.getBinary([topic, key])
    if (record) items.push(decodeItem(topic, key as number, record))
  }
  const passed = passedAfter(store, after, through)
  return passed.length === 0 ? items : [...items, ...passed].sort((a, b) => a.seq - b.seq)
}
