import { memoryEngine } from '../../src/engines/memory.js'
import type { AppendOptions, Appended, Engine, Page, ReadOptions, StoredItem } from '../../src/engines/engine.js'
import { isPattern, pattern, type Selector } from '../../src/protocol/topic.js'
import { followingStore } from './following.js'

interface Broken {
  readonly fault: string
  /** The beginning of the name of a rule that must find it. */
  readonly rule: string
  readonly create: () => Engine
  readonly reopen?: () => Engine
}

type Fields = StoredItem['fields']

/** A good engine with one thing changed. */
function broken(change: (good: Engine) => Partial<Engine>, create: () => Engine = memoryEngine): () => Engine {
  return () => {
    const good = create()
    return { ...good, ...change(good) }
  }
}

/** Changes what append() answers. */
function answers(
  change: (appended: Appended, topic: string, good: Engine) => Partial<Appended> | Promise<Partial<Appended>>,
): () => Engine {
  return broken((good) => ({
    async append(topic, fields, options) {
      const appended = (await good.append(topic, fields, options)) as Appended
      return { ...appended, ...(await change(appended, topic, good)) }
    },
  }))
}

/** Changes pages. */
function pages(change: (page: Page, after: number, options: ReadOptions, selectors: readonly Selector[]) => Partial<Page>): () => Engine {
  return broken((good) => ({
    async read(selectors, after, options) {
      const page = await good.read(selectors, after, options)
      return { ...page, ...change(page, after, options, selectors) }
    },
  }))
}

/** Changes what is asked of append(). */
function asks(change: (topic: string, fields: Fields, options: AppendOptions) => [string, Fields, AppendOptions]): () => Engine {
  return broken((good) => ({ append: (...asked) => good.append(...change(...asked)) }))
}

/** Changes the items of pages. */
function items(change: (item: StoredItem) => StoredItem): () => Engine {
  return pages((page) => ({ items: page.items.map(change) }))
}

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))

// A store that outlives its engine, as far as its owner says so.
let last: Engine

export const brokenEngines: readonly Broken[] = [
  {
    fault: 'gives a number twice',
    rule: 'order: numbers are dense',
    create: answers(({ seq }) => ({ seq: seq === 7 ? 6 : seq })),
  },
  {
    fault: 'leaves out a number',
    rule: 'order: numbers are dense',
    create: broken((good) => {
      let count = 0
      return {
        async append(topic, fields, options) {
          if (++count === 10) await good.append('lost', { data: '' }, { history: { size: 0 } })
          return good.append(topic, fields, options)
        },
      }
    }),
  },
  {
    fault: 'answers with the `prev` of whatever item came before',
    rule: 'order: numbers are dense',
    create: answers(({ seq }) => ({ prev: seq - 1 })),
  },
  {
    fault: 'stores the `prev` of whatever item came before',
    rule: 'order: an item is read as it was appended',
    create: items((item) => ({ ...item, prev: item.seq - 1 })),
  },
  {
    fault: 'says 0 for `prev` under load',
    rule: 'order: a thousand appends at once',
    create: answers(({ seq, prev }) => ({ prev: seq > 700 ? 0 : prev })),
  },
  {
    fault: 'reorders calls in flight',
    rule: 'order: calls for one topic',
    create: broken((good) => {
      let count = 0
      return {
        async append(topic, fields, options) {
          if (++count % 10 === 0) await tick()
          return good.append(topic, fields, options)
        },
      }
    }),
  },
  {
    fault: 'loses one item of many, and nobody is told',
    rule: 'order: a thousand appends at once',
    create: pages((page) => ({ items: page.items.filter(({ seq }) => seq !== 500) })),
  },
  {
    fault: 'loses an item in the middle without `trimmed`',
    rule: 'read: only what is selected',
    create: pages((page) => ({ items: page.items.filter(({ seq }) => seq !== 10) })),
  },
  {
    fault: 'gives times in seconds',
    rule: 'order: an item is read as it was appended',
    create: items((item) => ({ ...item, at: item.at / 1000 })),
  },
  {
    fault: 'returns the item at `after` again',
    rule: 'read: only what is selected',
    create: broken((good) => ({ read: (selectors, after, options) => good.read(selectors, after - 1, options) })),
  },
  {
    fault: 'returns items topic by topic',
    rule: 'read: only what is selected',
    create: pages((page) => ({ items: page.items.toSorted((a, b) => a.topic.localeCompare(b.topic) || a.seq - b.seq) })),
  },
  {
    fault: 'takes text for a pattern',
    rule: 'read: a pattern matches whole segments',
    create: broken((good) => ({
      read: (selectors, after, options) =>
        good.read(
          selectors.map((one) => (one === 'stock/*' ? 'stock/1' : one)),
          after,
          options,
        ),
    })),
  },
  {
    fault: 'says `through` is the head, though the limit cut',
    rule: 'read: `limit` cuts',
    create: pages((page, _, { bytes }) => (bytes > 2 ** 20 ? { through: page.head } : {})),
  },
  {
    fault: 'says `through` is the head, though the bytes cut',
    rule: 'read: `bytes` cuts',
    create: pages((page, _, { limit }) => (limit > 1000 ? { through: page.head } : {})),
  },
  {
    fault: 'says `through` is the last item, so that a quiet topic is never read through',
    rule: 'read: `through` is the head',
    create: pages((page, after) => ({ through: page.items.at(-1)?.seq ?? after })),
  },
  {
    fault: 'says `through` is the head with `upTo` below it',
    rule: 'read: `through` is the head, or `upTo`',
    create: pages((page, _, { upTo }) => (upTo === undefined ? {} : { through: page.head })),
  },
  {
    fault: 'does not heed `upTo`',
    rule: 'read: nothing above `upTo`',
    create: broken((good) => ({ read: (selectors, after, { limit, bytes }) => good.read(selectors, after, { limit, bytes }) })),
  },
  {
    fault: 'does not heed `limit`',
    rule: 'read: `limit` cuts',
    create: broken((good) => ({ read: (selectors, after, options) => good.read(selectors, after, { ...options, limit: 1e9 }) })),
  },
  {
    fault: 'does not heed `bytes`',
    rule: 'read: `bytes` cuts',
    create: broken((good) => ({ read: (selectors, after, options) => good.read(selectors, after, { ...options, bytes: 1e12 }) })),
  },
  {
    fault: 'takes no topics for all',
    rule: 'read: of no topics',
    create: broken((good) => ({
      read: (selectors, after, options) => good.read(selectors.length === 0 ? [pattern('**')] : selectors, after, options),
    })),
  },
  {
    fault: 'returns nothing where the next item is larger than `bytes`',
    rule: 'read: one item always comes',
    create: pages((page, after, { bytes }) => ((page.items[0]?.fields.data.length ?? 0) > bytes ? { items: [], through: after } : {})),
  },
  {
    fault: 'expands patterns before it reads',
    rule: 'read: one moment',
    create: broken((good) => ({
      async read(selectors, after, options) {
        const names = (await good.topics?.(selectors)) ?? []
        await tick()
        const page = await good.read([...names, ...selectors.filter((one) => !isPattern(one)), 'nobody'], after, options)
        return page
      },
    })),
  },
  {
    fault: 'looks at the head after it has read the items',
    rule: 'read: one moment',
    create: broken((good) => ({
      async read(selectors, after, options) {
        const page = await good.read(selectors, after, options)
        await tick()
        const { head } = await good.read([], 0, options)
        return page.through === page.head ? { ...page, head, through: Math.min(head, options.upTo ?? head) } : page
      },
    })),
  },
  {
    fault: 'reads what was stored a little while ago',
    rule: 'read: an item is there',
    create: broken((good) => {
      const old = new Map<string, Page>()
      return {
        async read(selectors, after, options) {
          const key = JSON.stringify(selectors.map(String))
          const page = await good.read(selectors, after, options)
          const before = old.get(key)
          old.set(key, page)
          return before ?? page
        },
      }
    }),
  },
  {
    fault: 'names topics that are not selected',
    rule: 'topics: ',
    create: broken((good) => ({ topics: async (selectors) => [...((await good.topics?.(selectors)) ?? []), 'unknown'] })),
  },
  { fault: 'says `trimmed` too low', rule: 'history: by size', create: pages((page) => ({ trimmed: Math.max(0, page.trimmed - 1) })) },
  {
    fault: 'says `trimmed` too high: the number before the oldest item, whosever that is',
    rule: 'history: by size',
    create: pages((page, after) => (after === 0 && page.items[0] ? { trimmed: page.items[0].seq - 1 } : {})),
  },
  {
    fault: 'forgets `trimmed` when nothing is kept',
    rule: 'history: size 0',
    create: pages((page, after) => (after === 0 && page.items.length === 0 ? { trimmed: 0 } : {})),
  },
  { fault: 'never tells `trimmed`', rule: 'history: by bytes', create: pages(() => ({ trimmed: 0 })) },
  {
    fault: 'says `trimmed` only where it is above `after`',
    rule: 'history: `trimmed` of several topics',
    create: pages((page, after) => ({ trimmed: page.trimmed > after ? page.trimmed : 0 })),
  },
  {
    fault: 'says `trimmed` of the first topic alone',
    rule: 'history: `trimmed` of several topics',
    create: broken((good) => ({
      async read(selectors, after, options) {
        const page = await good.read(selectors, after, options)
        const { trimmed } = await good.read(selectors.slice(0, 1), after, options)
        return { ...page, trimmed }
      },
    })),
  },
  {
    fault: 'keeps fewer items than the history says',
    rule: 'history: by size',
    create: asks((topic, fields, options) => [
      topic,
      fields,
      { ...options, history: { ...options.history, ...(options.history.size && { size: options.history.size - 1 }) } },
    ]),
  },
  {
    fault: 'keeps everything',
    rule: 'history: not much more',
    create: asks((topic, fields, options) => [topic, fields, { ...options, history: {} }]),
  },
  {
    fault: 'keeps old items',
    rule: 'history: by age',
    create: asks((topic, fields, options) => [topic, fields, { ...options, history: { ...options.history, age: undefined } }]),
  },
  {
    fault: 'trims by bytes what has only a size',
    rule: 'history: what is not limited',
    create: asks((topic, fields, options) => [topic, fields, { ...options, history: { bytes: 2000, ...options.history } }]),
  },
  {
    fault: 'drops items of all topics together',
    rule: 'history: topics do not drop',
    create: broken(
      () => ({}),
      () => memoryEngine({ maxBytes: 2000 }),
    ),
  },
  {
    fault: 'keeps to the first history it was given',
    rule: 'history: the one of the latest',
    create: broken((good) => {
      const first = new Map<string, AppendOptions['history']>()
      return {
        append(topic, fields, options) {
          const history = first.get(topic) ?? options.history
          first.set(topic, history)
          return good.append(topic, fields, { ...options, history })
        },
      }
    }),
  },
  {
    fault: 'takes a topic that never was for one that was forgotten',
    rule: 'history: a topic that never was',
    create: pages((page, _, __, selectors) => (selectors[0] === 'never' ? { trimmed: page.head } : {})),
  },
  {
    fault: 'takes a topic that was forgotten for one that never was',
    rule: 'forgotten: ',
    create: broken(
      (good) => ({
        async read(selectors, after, options) {
          const page = await good.read(selectors, after, options)
          const known = (await good.topics?.(selectors)) ?? []
          return known.length === 0 ? { ...page, trimmed: 0 } : page
        },
      }),
      () => memoryEngine({ maxTopics: 2 }),
    ),
  },
  {
    fault: 'ignores idempotency keys',
    rule: 'idempotency: a repeated key',
    create: asks((topic, fields, { history }) => [topic, fields, { history }]),
  },
  {
    fault: 'answers a repeated key with the head',
    rule: 'idempotency: a repeated key',
    create: answers(async (appended, _, good) => ({ seq: (await good.read([], 0, { limit: 1, bytes: 1 })).head, prev: appended.prev })),
  },
  {
    fault: 'looks for a key before an earlier one is stored',
    rule: 'idempotency: appends in flight together',
    create: broken((good) => {
      const stored = new Set<string>()
      return {
        async append(topic, fields, { idempotencyKey, ...options }) {
          const key = `${topic} ${idempotencyKey}`
          const seen = stored.has(key)
          await Promise.resolve()
          stored.add(key)
          return good.append(topic, fields, { ...options, idempotencyKey: seen ? idempotencyKey : undefined })
        },
      }
    }),
  },
  {
    fault: 'accepts a key with other fields',
    rule: 'idempotency: a key that was used with other fields',
    create: broken((good) => {
      const answered = new Map<string, Promise<Appended | null>>()
      return {
        append(topic, fields, { idempotencyKey, ...options }) {
          const key = `${topic} ${idempotencyKey}`
          const appended = (idempotencyKey && answered.get(key)) || good.append(topic, fields, options)
          answered.set(key, appended)
          return appended
        },
      }
    }),
  },
  {
    fault: 'compares data, but not the event type',
    rule: 'idempotency: a key that was used with other fields',
    create: asks((topic, { data }, options) => [topic, { data }, options]),
  },
  {
    fault: 'fails what is in flight beside a refused key',
    rule: 'idempotency: a key that was used with other fields',
    create: broken((good) => {
      let failed: Promise<unknown> = Promise.resolve()
      return {
        async append(...asked) {
          const appended = good.append(...asked)
          const before = failed
          failed = appended
          await before
          failed = Promise.resolve()
          return appended
        },
      }
    }),
  },
  {
    fault: 'has one room of keys for all topics',
    rule: 'idempotency: keys belong to their topic',
    create: broken((good) => {
      const first = new Map<string, string>()
      return {
        append(topic, fields, options) {
          const key = options.idempotencyKey
          const owner = key === undefined ? topic : (first.get(key) ?? topic)
          if (key !== undefined) first.set(key, owner)
          return good.append(owner, fields, options)
        },
      }
    }),
  },
  {
    fault: 'forgets a key with its item',
    rule: 'idempotency: a key is remembered',
    create: broken((good) => ({
      append: (topic, fields, { idempotencyKey, ...options }) =>
        good.append(topic, fields, { ...options, idempotencyKey: options.history.size === undefined ? idempotencyKey : undefined }),
    })),
  },
  { fault: 'tells nothing', rule: 'watch: tells of new items', create: broken(() => ({ watch: () => () => {} })) },
  {
    fault: 'tells of items that it does not keep by number only',
    rule: 'watch: tells an item that is not kept',
    create: broken((good) => ({ watch: (onItems, onReset) => good.watch((_, through) => onItems([], through), onReset) })),
  },
  {
    fault: 'tells other data than it has stored',
    rule: 'watch: tells of new items',
    create: broken((good) => ({
      watch: (onItems, onReset) =>
        good.watch(
          (told, through) =>
            onItems(
              told.map((item) => ({ ...item, fields: { data: 'other' } })),
              through,
            ),
          onReset,
        ),
    })),
  },
  {
    fault: 'tells before it has stored',
    rule: 'watch: a hint comes after',
    create: broken((good) => {
      const watchers = new Set<Parameters<Engine['watch']>[0]>()
      let head = 0
      return {
        async append(topic, fields, options) {
          const item = { seq: ++head, prev: 0, topic, fields, at: Date.now() }
          for (const watcher of watchers) watcher([item], item.seq)
          await tick()
          return good.append(topic, fields, options)
        },
        watch: (onItems) => {
          watchers.add(onItems)
          return () => watchers.delete(onItems)
        },
      }
    }),
  },
  {
    fault: 'goes on telling',
    rule: 'watch: ends when it is told to',
    create: broken((good) => ({ watch: (...asked) => (good.watch(...asked), () => {}) })),
  },
  {
    fault: 'lets a listener fail the append',
    rule: 'watch: a listener that throws',
    create: broken((good) => {
      const watchers = new Set<Parameters<Engine['watch']>[0]>()
      return {
        async append(topic, fields, options) {
          const appended = (await good.append(topic, fields, options)) as Appended
          for (const watcher of watchers) watcher([{ ...appended, topic, fields, at: Date.now() }], appended.seq)
          return appended
        },
        watch: (onItems) => {
          watchers.add(onItems)
          return () => watchers.delete(onItems)
        },
      }
    }),
  },
  {
    fault: 'trims data',
    rule: 'texts: any data',
    create: asks((topic, { data, ...fields }, options) => [topic, { ...fields, data: data.trimEnd() }, options]),
  },
  {
    fault: 'ends data at a NUL',
    rule: 'texts: any data',
    create: items((item) => ({ ...item, fields: { ...item.fields, data: item.fields.data.split('\0', 1)[0] ?? '' } })),
  },
  {
    fault: 'swallows a byte order mark',
    rule: 'texts: any data',
    create: items((item) => ({ ...item, fields: { ...item.fields, data: item.fields.data.replace(/^\ufeff/, '') } })),
  },
  {
    fault: 'throws lone surrogates away',
    rule: 'texts: a lone surrogate',
    create: items((item) => ({
      ...item,
      fields: {
        ...item.fields,
        data: item.fields.data.replace(/(?<![\ud800-\udbff])[\udc00-\udfff]|[\ud800-\udbff](?![\udc00-\udfff])/g, ''),
      },
    })),
  },
  {
    fault: 'swallows the event type',
    rule: 'texts: an event type',
    create: items((item) => ({ ...item, fields: { data: item.fields.data } })),
  },
  {
    fault: 'calls every item a message',
    rule: 'texts: an event type',
    create: items((item) => ({ ...item, fields: { event: 'message', ...item.fields } })),
  },
  {
    fault: 'has an epoch with a hyphen',
    rule: 'life: the epoch',
    create: broken((good) => ({ opened: undefined, open: async () => ({ epoch: 'a-b', head: (await good.open()).head }) })),
  },
  {
    fault: 'throws when it is closed twice',
    rule: 'life: close() is safe twice',
    create: broken((good) => {
      let closed = false
      return {
        async close() {
          if (closed) throw new Error('closed already')
          closed = true
          await good.close()
        },
      }
    }),
  },
  { fault: 'goes on after close()', rule: 'life: close() is safe twice', create: broken(() => ({ close: async () => {} })) },
  {
    fault: 'leaves appends hanging when it is closed',
    rule: 'life: close() waits',
    create: broken((good) => {
      let closed = false
      return {
        async append(...asked) {
          await tick()
          if (closed) await new Promise(() => {})
          return good.append(...asked)
        },
        async close() {
          closed = true
          await good.close()
        },
      }
    }),
  },
  { fault: 'begins a new epoch when it is reopened', rule: 'reopened: the same epoch', create: memoryEngine, reopen: memoryEngine },
  {
    fault: 'forgets its keys when it is reopened',
    rule: 'reopened: idempotency keys',
    create: () => {
      last = memoryEngine()
      return { ...last, close: async () => {} }
    },
    reopen: () => ({ ...last, append: (topic, fields, { history }) => last.append(topic, fields, { history }) }),
  },
  {
    fault: 'counts by itself beside another engine on the same store',
    rule: 'shared: two engines',
    create: () => ({ ...memoryEngine(), supports: { durable: true, shared: true, transactions: false } }),
    reopen: memoryEngine,
  },
  {
    fault: 'does not hear of what another engine stores',
    rule: 'shared: what one has appended',
    create: () => (last = { ...memoryEngine(), supports: { durable: true, shared: true, transactions: false } }),
    reopen: () => ({ ...last, watch: () => () => {}, close: async () => {} }),
  },
  ...brokenFollowing(
    {
      fault: 'tells wrong places',
      rule: 'follow: of what nobody follows',
      change: (good) => ({
        watch: (onItems, onReset, onPassed) =>
          good.watch(onItems, onReset, onPassed && ((items) => onPassed(items.map((item) => ({ ...item, prev: item.seq - 1 }))))),
      }),
    },
    {
      fault: 'tells nothing of what nobody follows',
      rule: 'follow: of what nobody follows',
      change: (good) => ({ watch: (onItems, onReset, onPassed) => good.watch(onItems, onReset, onPassed && (() => {})) }),
    },
    {
      fault: 'tells nothing to who does not listen for places',
      rule: 'follow: who does not listen',
      change: (good) => ({ watch: (onItems, onReset, onPassed) => good.watch(onItems, onReset, onPassed ?? (() => {})) }),
    },
    {
      fault: 'never tells a followed item whole',
      rule: 'follow: items of followed topics',
      change: (good) => ({ follow: () => good.follow?.([]) ?? (() => {}) }),
    },
    {
      fault: 'does not follow patterns',
      rule: 'follow: items of followed topics',
      change: (good) => ({ follow: (selectors) => good.follow?.(selectors.filter((one) => !isPattern(one))) ?? (() => {}) }),
    },
    {
      fault: 'stops following when one of two stops',
      rule: 'follow: what two follow',
      change(good) {
        const stops = new Set<() => void>()
        return {
          follow(selectors) {
            const stop = good.follow?.(selectors) ?? (() => {})
            stops.add(stop)
            return () => {
              for (const each of stops) each()
            }
          },
        }
      },
    },
    {
      fault: 'does not hear of what it does not follow and another appends',
      rule: 'follow, shared: ',
      isOther: true,
      change: (good) => ({ watch: (onItems, onReset, onPassed) => good.watch(onItems, onReset, onPassed && (() => {})) }),
    },
    {
      fault: 'looks at a count before it takes it',
      rule: 'nodes: counts are taken',
      change({ nodes }) {
        const taken = new Map<string, number>()
        return {
          nodes: {
            ...nodes!,
            async take(counts) {
              const full = counts.findIndex(({ key, limit }) => (taken.get(key) ?? 0) >= limit)
              await tick()
              if (full < 0) for (const { key } of counts) taken.set(key, (taken.get(key) ?? 0) + 1)
              return full
            },
          },
        }
      },
    },
    {
      fault: 'keeps what it has taken before it came to the full one',
      rule: 'nodes: counts are taken',
      change: ({ nodes }) => ({
        nodes: {
          ...nodes!,
          async take(counts) {
            for (const [at, count] of counts.entries()) if ((await nodes!.take([count])) !== -1) return at
            return -1
          },
        },
      }),
    },
    {
      fault: 'lets everybody pass',
      rule: 'nodes: so many pass',
      change: ({ nodes }) => ({ nodes: { ...nodes!, pass: async () => true } }),
    },
    {
      fault: 'does not tell the teller',
      rule: 'nodes, shared: what is told',
      change({ nodes }) {
        const own = new Set<string>()
        return {
          nodes: {
            ...nodes!,
            tell: (message) => (own.add(message), nodes!.tell(message)),
            hear: (listener) => nodes!.hear((message) => void (own.has(message) || listener(message))),
          },
        }
      },
    },
    {
      fault: 'counts by itself',
      rule: 'nodes, shared: counts',
      change: () => ({ nodes: followingStore().node().nodes }),
    },
    {
      fault: 'takes its own note for one of the others',
      rule: 'nodes, shared: each reads',
      change({ nodes }) {
        const own: string[] = []
        return {
          nodes: {
            ...nodes!,
            note: (text) => (own.push(text), nodes!.note(text)),
            notes: async () => [...(await nodes!.notes()), ...own.slice(-1)],
          },
        }
      },
    },
  ),
]

interface BrokenFollowing {
  readonly fault: string
  readonly rule: string
  readonly change: (good: Engine) => Partial<Engine>
  /** Only the second one on the store is broken. */
  readonly isOther?: boolean
}

function brokenFollowing(...rows: readonly BrokenFollowing[]): Broken[] {
  return rows.map(({ fault, rule, change, isOther = false }) => {
    let store = followingStore()
    const create = (isSound: boolean): Engine => {
      const good = store.node()
      return isSound ? good : { ...good, ...change(good) }
    }
    return {
      fault,
      rule,
      create() {
        store = followingStore()
        return create(isOther)
      },
      reopen: () => create(false),
    }
  })
}
