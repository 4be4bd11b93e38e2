import { forgetKeys, hasOldKeys } from './keys.js'
import { forgetPassing } from './passing.js'
import { decodeTopic, encodePosition, encodeTopic, type Topic } from './records.js'
import { apply, type Change, type Store } from './store.js'
import { dropOld } from './trim.js'

interface SweepOptions {
  readonly idempotencyWindow: number
  readonly forgetAfter: number
}

const EVERY = 1000
const READERS = 60_000
// At a time.
const TOPICS = 256
const ITEMS = 1000

/**
 * Drops what has expired in topics that get no items, and forgets topics and keys: in small portions beside the appends. Reads don't
 * wait for it: they leave out what is too old.
 */
export function createSweep(storeOf: () => Store | undefined, options: SweepOptions): { stop(): Promise<void> } {
  let last = ''
  let checked = Date.now()
  let sweeping: Promise<unknown> | undefined

  const timer = setInterval(() => {
    const store = storeOf()
    if (!store || sweeping) return
    sweeping = sweep(store)
      // The next one tries again.
      .catch(() => {})
      .finally(() => (sweeping = undefined))
  }, EVERY).unref()

  async function sweep(store: Store): Promise<void> {
    if (Date.now() - checked > READERS) {
      // A process that was killed while it read would keep old pages for ever.
      store.root.readerCheck()
      checked = Date.now()
    }
    for (let more = true; more && storeOf() === store;) {
      store.renew()
      const look = untidy(store, last, options)
      more = look.isUntidy && (await store.root.transaction(() => tidy(store, look.names, options)))
      if (!more) last = look.end
    }
  }

  return {
    async stop() {
      clearInterval(timer)
      await sweeping
    },
  }
}

interface Look {
  readonly names: readonly string[]
  /** Where the next look begins. */
  readonly end: string
  readonly isUntidy: boolean
}

/** Looks at the next topics, round and round; writes nothing. */
function untidy(store: Store, after: string, { idempotencyWindow, forgetAfter }: SweepOptions): Look {
  const now = Date.now()
  const names: string[] = []
  let seen = 0
  let end = ''
  for (const { key, value } of store.topics.getRange({ ...(after !== '' && { start: after, exclusiveStart: true }), limit: TOPICS })) {
    end = key as string
    seen++
    const topic = decodeTopic(value)
    if (exceeds(topic, now) || isForgettable(topic, now - forgetAfter)) names.push(end)
  }
  const isUntidy = names.length > 0 || hasOldKeys(store, now - idempotencyWindow) || forgetPassing(store, now).length > 0
  return { names, end: seen < TOPICS ? '' : end, isUntidy }
}

function exceeds({ count, bytes, oldestAt, history }: Topic, now: number): boolean {
  return count > 0 && (count > history.size || bytes > history.bytes || oldestAt < now - history.age)
}

function isForgettable({ count, at }: Topic, before: number): boolean {
  return count === 0 && at < before
}

/** Within a transaction. Returns whether there is more. */
function tidy(store: Store, names: readonly string[], { idempotencyWindow, forgetAfter }: SweepOptions): boolean {
  const now = Date.now()
  const position = store.position()
  const old = [...forgetKeys(store, now - idempotencyWindow), ...forgetPassing(store, now)]
  const changes: Change[] = old
  let { floor } = position
  let more = old.length > 0
  for (const name of names) {
    const record = store.topics.getBinary(name)
    if (!record) continue
    const topic = decodeTopic(record)
    if (isForgettable(topic, now - forgetAfter)) {
      floor = Math.max(floor, topic.head)
      changes.push({ table: store.topics, key: name })
      continue
    }
    const dropped = dropOld(store, name, topic, [], now, ITEMS)
    changes.push(...dropped.changes, { table: store.topics, key: name, record: encodeTopic(topic) })
    more ||= dropped.more
  }
  if (floor !== position.floor) changes.push({ table: store.root, key: 'position', record: encodePosition({ ...position, floor }) })
  apply(changes)
  return more
}
