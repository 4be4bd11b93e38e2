import { SseError } from '../../errors.js'
import type { Opt } from '../../protocol/item.js'
import { checkTopic } from '../../protocol/topic.js'
import type { AppendOptions, Appended, Engine, StoredItem } from '../engine.js'
import { createNews } from './news.js'
import { readPage, topicsOf } from './read.js'
import { isUsable, openStore, type Store } from './store.js'
import { createSweep } from './sweep.js'
import { write, type Batch, type Draft } from './write.js'

export interface DiskOptions extends Opt<{
  /**
   * What an append waits for. `fsync`: the disk has the item, it survives a power cut. `process`: the operating system has it, it survives
   * the end of this process only; after a power cut the whole store may be damaged.
   *
   * @default 'fsync'
   */
  durability: 'fsync' | 'process'
  /** For how many milliseconds an idempotency key is remembered. @default 600_000 (10 minutes) */
  idempotencyWindow: number
  /** A topic that has kept no item for so many milliseconds is forgotten. @default 86_400_000 (a day) */
  forgetAfter: number
  /** Say so once after restoring a backup: positions from before are none of this store. @default false */
  newEpoch: boolean
  /** How much address space the store takes at first, in bytes; it grows by itself. @default 128 KiB */
  mapSize: number
}> {
  /** A folder on a local disk; made if it isn't there. */
  readonly path: string
}

interface Pending extends Draft {
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: unknown) => void
}

// One commit writes so many items, or so much of data: its work on the event loop stays within some milliseconds.
const MOST = 512
const MOST_DATA = 4 * 2 ** 20

/**
 * Keeps everything in LMDB (the optional peer `lmdb`), in one folder that several processes of one machine may share. A store that was
 * lost or cut short begins a new epoch.
 */
export function diskEngine(options: DiskOptions): Engine {
  const { path, durability, idempotencyWindow, forgetAfter, newEpoch, mapSize } = checked(options)
  let store: Store | undefined
  let failure: unknown
  // Once, also where the store has to be opened anew.
  let wantsEpoch = newEpoch
  let writing: Promise<void> | undefined
  let closing: Promise<void> | undefined
  const waiting: Pending[] = []

  function openNow(): Store {
    if (closing) throw new SseError('SSE_CLOSED', `The disk engine in ${path} is closed`)
    try {
      store ??= openStore({ path, fsync: durability === 'fsync', newEpoch: wantsEpoch, mapSize })
      wantsEpoch = false
      return store
    } catch (cause) {
      if (cause instanceof SseError) throw cause
      throw new SseError('SSE_ENGINE', `Can't open the store in ${JSON.stringify(path)}: ${messageOf(cause)}`, { cause })
    }
  }

  // LMDB opens at once, so that the position is known when the hub is made. What fails is told by open().
  try {
    openNow()
  } catch (error) {
    failure = error
  }
  const opened = store?.position()
  const news = createNews(() => (closing ? undefined : store), opened)
  const sweep = createSweep(() => (closing ? undefined : store), { idempotencyWindow, forgetAfter })

  /** Items that come while a commit is under way go with the next one, together: the disk is asked once for all of them. */
  async function commitAll(): Promise<void> {
    while (waiting.length > 0) await commit()
    // In the same turn: who appends after that look must not wait for a loop that has ended.
    writing = undefined
  }

  async function commit(): Promise<void> {
    let taken: readonly Pending[] = []
    let batch: Batch | undefined
    try {
      const { root } = openStoreOf()
      await root.transaction(() => {
        taken = take(waiting)
        batch = write(openStoreOf(), taken, idempotencyWindow)
      })
      if (!batch) throw new Error('LMDB has not run the transaction')
    } catch (error) {
      if (!batch) taken = taken.length > 0 ? taken : take(waiting)
      const cause = await causeOf(error)
      const reason = await failed(cause, batch)
      for (const { reject } of taken) reject(reason)
      return
    }
    news.tell(batch)
    const { outcomes } = batch
    taken.forEach(({ resolve, reject }, index) => {
      const outcome = outcomes[index] as Appended | SseError
      if (outcome instanceof SseError) reject(outcome)
      else resolve(outcome)
    })
  }

  function openStoreOf(): Store {
    if (!store) throw failure
    return store
  }

  /** Finds out what a failed commit has left, and opens the store anew where LMDB would refuse everything from now on. */
  async function failed(cause: unknown, batch: Batch | undefined): Promise<SseError> {
    let code: 'SSE_ENGINE' | 'SSE_MAYBE_STORED' = 'SSE_ENGINE'
    try {
      if (store && !isUsable(store)) {
        const broken = store
        store = undefined
        await broken.close()
        openNow()
      }
      if (batch && store) {
        store.renew()
        const first = batch.items[0]?.seq ?? Infinity
        if (store.position().head >= first) code = 'SSE_MAYBE_STORED'
      }
    } catch (error) {
      failure = error
      if (batch) code = 'SSE_MAYBE_STORED'
    }
    const full = /no space|ENOSPC|quota/i.test(messageOf(cause)) ? 'The disk is full: make space, then append again' : messageOf(cause)
    const kept = code === 'SSE_ENGINE' ? 'is not stored' : 'may be stored'
    return new SseError(code, `The item ${kept} in ${JSON.stringify(path)}. ${full}`, { cause })
  }

  return {
    supports: { durable: true, shared: true, transactions: false },
    opened,
    async open() {
      const { epoch, head } = openNow().position()
      return { epoch, head }
    },
    append(topic, fields, { history, idempotencyKey, transaction }: AppendOptions) {
      // What is thrown in here rejects.
      return new Promise<Appended>((resolve, reject) => {
        openNow()
        if (transaction !== undefined)
          throw new TypeError("`transaction`: the disk engine can't write within a transaction of the caller's")
        waiting.push({ topic: checkTopic(topic), fields: checkedFields(fields), history, idempotencyKey, resolve, reject })
        writing ??= commitAll()
      })
    },
    async read(selectors, after, options) {
      return readPage(openNow(), selectors, after, options)
    },
    async topics(selectors) {
      const open = openNow()
      open.renew()
      return [...topicsOf(open, selectors).keys()]
    },
    watch: news.watch,
    close() {
      closing ??= (async () => {
        news.stop()
        // Nothing is taken on any more; what was is stored.
        await writing
        await sweep.stop()
        await store?.close()
        store = undefined
      })()
      return closing
    },
  }
}

function take(waiting: Pending[]): Pending[] {
  let data = 0
  let count = 0
  for (const { fields } of waiting) {
    if (count === MOST || (count > 0 && data >= MOST_DATA)) break
    data += fields.data.length
    count++
  }
  return waiting.splice(0, count)
}

function checkedFields({ data, event }: StoredItem['fields']): StoredItem['fields'] {
  if (typeof data !== 'string') throw new TypeError(`\`data\` must be a string: ${String(data)}`)
  if (event !== undefined && typeof event !== 'string') throw new TypeError(`\`event\` must be a string: ${String(event)}`)
  return event === undefined ? { data } : { data, event }
}

function checked({
  path,
  durability = 'fsync',
  idempotencyWindow = 600_000,
  forgetAfter = 86_400_000,
  newEpoch = false,
  mapSize,
}: DiskOptions) {
  if (typeof path !== 'string' || path === '') throw new TypeError(`\`path\` must be the name of a folder: ${JSON.stringify(path)}`)
  if (durability !== 'fsync' && durability !== 'process')
    throw new TypeError(`\`durability\` must be "fsync" or "process": ${JSON.stringify(durability)}`)
  for (const [name, value] of Object.entries({ idempotencyWindow, forgetAfter, mapSize: mapSize ?? 0 })) {
    if (!(typeof value === 'number' && value >= 0)) throw new TypeError(`\`${name}\` must be a number >= 0: ${String(value)}`)
  }
  return { path, durability, idempotencyWindow, forgetAfter, newEpoch, mapSize }
}

/** LMDB's own words: a commit that failed only says that it did, and promises the reason. */
async function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: PromiseLike<never> }
  if (!commitError) return error
  return await new Promise((resolve) => {
    const timer = setTimeout(() => resolve(error), 1000)
    commitError.then(undefined, (reason: unknown) => {
      clearTimeout(timer)
      resolve(reason)
    })
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
