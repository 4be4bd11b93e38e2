import { onTestFinished } from 'vitest'
import { sleep } from '../helpers/servers.js'
import { until } from '../helpers/until.js'
import type { Acknowledged, Books } from './account.js'
import { eventually, PATIENCE } from './patience.js'

interface Item {
  readonly topic: string
  readonly data: string
}

/** What a publish came to. */
export interface Outcome {
  /** `refused`: not stored. `unknown`: it may be stored, and is repeated with its key until that is known. */
  readonly is: 'stored' | 'refused' | 'unknown'
  readonly id: string
  /** 0 without an answer. */
  readonly status: number
  readonly code: string
  readonly message: string
  /** In milliseconds. */
  readonly time: number
}

export interface Publisher {
  readonly books: Books
  /** How many attempts came to nothing that is known. */
  readonly repeated: number
  /** What was refused, and what may have been stored, in order. */
  readonly failures: readonly Outcome[]
  /** Until so many more are acknowledged in each topic. */
  more(count: number): Promise<void>
  /** Publishes to these nodes from now on. */
  use(urls: readonly string[]): void
  /** What a test has published itself goes on the account, too. */
  note(item: Item, outcome: Outcome): void
  start(): void
  /** Starts no more, and waits until all that was begun is acknowledged or refused. */
  pause(): Promise<void>
}

export interface PublisherOptions {
  readonly topics: readonly string[]
  /** The nodes' URLs. After an attempt that failed the next is tried. */
  readonly urls: readonly string[]
  /** Milliseconds between two publishes to a topic. @default 2 */
  readonly pace?: number
  /** Characters beside the item's name. @default 0 */
  readonly size?: number
}

/** One publish over HTTP. */
export async function publish(url: string, { topic, data }: Item, key: string): Promise<Outcome> {
  const begun = performance.now()
  const signal = AbortSignal.timeout(PATIENCE)
  let response: Response
  let answer: Partial<Outcome>
  try {
    response = await fetch(`${url}/topics/${topic}`, { method: 'POST', body: data, headers: { 'idempotency-key': key }, signal })
    answer = (await response.json()) as Partial<Outcome>
  } catch (error) {
    // Whatever has become of the request.
    return { is: 'unknown', id: '', status: 0, code: 'NETWORK', message: String(error), time: performance.now() - begun }
  }
  const { status } = response
  const { id = '', code = '', message = '' } = answer
  if (![201, 503, 504].includes(status)) throw new Error(`A publish was answered with ${status} ${code}: ${message}`)
  const is = status === 201 ? 'stored' : code === 'SSE_MAYBE_STORED' ? 'unknown' : 'refused'
  return { is, id, status, code, message, time: performance.now() - begun }
}

/** Repeats one that may be stored until it is. */
export async function repeat(url: string, item: Item, key: string): Promise<Outcome> {
  return until<Outcome | undefined>(
    `${item.data} is acknowledged`,
    async () => {
      const outcome = await publish(url, item, key)
      return outcome.is === 'stored' ? outcome : undefined
    },
    PATIENCE,
  )
}

/** One lane per topic: the next item when the last is acknowledged, or refused; one that may be stored is repeated with the same key. */
export function createPublisher({ topics, urls: first, pace = 2, size = 0 }: PublisherOptions): Publisher {
  let urls = first
  const acknowledged: Acknowledged[] = []
  const refused: string[] = []
  const failures: Outcome[] = []
  const counts = new Map(topics.map((topic) => [topic, 0]))
  const stored = new Map(counts)
  const state = { isRunning: false, isOver: false, repeated: 0 }
  let lanes: Promise<unknown> = Promise.resolve()
  let at = 0
  onTestFinished(() => {
    state.isRunning = false
    state.isOver = true
  })

  async function lane(topic: string): Promise<void> {
    for (; state.isRunning; await sleep(pace)) {
      const n = (counts.get(topic) as number) + 1
      counts.set(topic, n)
      await put({ topic, data: `${topic} ${n} ${'.'.repeat(size)}`.trimEnd() })
    }
  }

  async function put(item: Item): Promise<void> {
    // One that was unknown may be stored, whatever is said of its repeat.
    for (let isUnknown = false; !state.isOver; await sleep(20)) {
      const outcome = await publish(urls[at % urls.length] as string, item, item.data.slice(0, 100))
      if (outcome.is === 'stored') return note(item, outcome)
      failures.push(outcome)
      at++
      if (outcome.is === 'refused' && !isUnknown) return note(item, outcome)
      isUnknown = true
      state.repeated++
    }
  }

  const publisher: Publisher = {
    books: { acknowledged, refused },
    get repeated() {
      return state.repeated
    },
    failures,
    async more(count) {
      const before = new Map(stored)
      publisher.start()
      const all = eventually(
        () => topics.every((topic) => (stored.get(topic) as number) >= (before.get(topic) as number) + count),
        () => `${count} more acknowledged; the last failure was ${JSON.stringify(failures.at(-1))}`,
        PATIENCE + count * 200,
      )
      await Promise.race([all, lanes.then(() => all)])
    },
    use: (others) => void (urls = others),
    note,
    start() {
      if (state.isRunning) return
      state.isRunning = true
      lanes = Promise.all(topics.map(lane))
      // It is awaited by those that need it.
      lanes.catch(() => {})
    },
    async pause() {
      state.isRunning = false
      await lanes
    },
  }
  return publisher

  function note(item: Item, { is, id }: Outcome): void {
    if (is === 'unknown') throw new Error(`Nobody knows what has become of ${item.data}: repeat it`)
    if (is === 'refused') return void refused.push(item.data)
    acknowledged.push({ ...item, id })
    stored.set(item.topic, (stored.get(item.topic) ?? 0) + 1)
  }
}
