import type { Engine, StoredItem } from '../engine.js'
import { passedAfter } from './passing.js'
import { decodeItem, type Position } from './records.js'
import type { Store } from './store.js'
import type { Batch } from './write.js'

type Watch = Engine['watch']

interface Watcher {
  readonly onItems: Parameters<Watch>[0]
  readonly onReset: Parameters<Watch>[1]
}

export interface News {
  readonly watch: Watch
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
  const watchers = new Set<Watcher>()
  let timer: ReturnType<typeof setInterval> | undefined
  let stopped = false
  let epoch = opened?.epoch
  // The highest `seq` that the watchers know of.
  let told = opened?.head ?? 0

  function look(): void {
    const store = storeOf()
    if (!store || watchers.size === 0) return
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
    if (!first) for (const { onReset } of watchers) call(() => onReset(now))
  }

  function catchUp(store: Store, through: number): void {
    const items = through - told > MOST ? [] : itemsOf(store, told, through)
    told = through
    emit(items, through)
  }

  function emit(items: readonly StoredItem[], through: number): void {
    for (const { onItems } of watchers) call(() => onItems(items, through))
  }

  return {
    watch(onItems, onReset) {
      if (stopped) return () => {}
      const watcher = { onItems, onReset }
      watchers.add(watcher)
      timer ??= setInterval(look, EVERY).unref()
      return () => {
        watchers.delete(watcher)
        if (watchers.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
    tell({ items, epoch, head }) {
      const first = items[0]
      if (!first || watchers.size === 0) return
      changeTo({ epoch, head: first.seq - 1 })
      const store = storeOf()
      if (store && first.seq > told + 1) catchUp(store, first.seq - 1)
      const unseen = items.filter(({ seq }) => seq > told)
      if (unseen.length === 0) return
      told = head
      emit(unseen, head)
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

/** A listener that fails is its owner's to mend; the item is stored all the same. */
function call(listener: () => void): void {
  try {
    listener()
  } catch (error) {
    console.error(error)
  }
}
