import type { Engine, History } from '../engines/engine.js'
import { mustBe } from '../protocol/fields.js'
import type { Opt } from '../protocol/item.js'
import { pattern, selects, type Selector, type Topics } from '../protocol/topic.js'
import type { Cors } from '../respond/options.js'
import type { Snapshot } from './snapshots.js'

export interface TopicSettings<D, I> extends Opt<{
  /** How much is kept for those who come back. @default { size: 10_000, age: 86_400_000, bytes: 16_777_216 }: whichever is reached first */
  history: History
  /** The topic's state, for readers that are new or have missed something. */
  snapshot: Snapshot<D>
  /** Readers get the newest value of each key, at most once per `interval` (milliseconds, @default 100), and always the last one. */
  conflate: { readonly key: (item: I) => string; readonly interval?: number | undefined }
}> {}

/** What a request may do; nothing that isn't named. */
export interface Grant extends Opt<{
  /** Who it is: for limits, and for `hub.revoke()`. */
  principal: string
  /** What it may follow: a pattern that is asked for must be covered by one of these. @default nothing */
  read: Topics
  /** What it may publish to. @default nothing */
  write: Topics
  /** When its streams end; clients come back with a new token. */
  expiresAt: Date
}> {}

/** But for `itemBytes`, of `hub.fetch()` alone. */
export type Limits = Opt<{
  /** @default 100 */
  topicsPerConnection: number
  /** In bytes of data. @default 1_048_576 (1 MiB) */
  itemBytes: number
  /** Streams of this process. @default Infinity */
  connections: number
  /** Streams of one `principal`. @default Infinity */
  connectionsPerPrincipal: number
  /** Streams from one address, where it is known: with `nodeHandler()`, or `trustProxy`. Of IPv6 the first 64 bits count. @default Infinity */
  connectionsPerAddress: number
  /** By one `principal`; those without one are counted by address, and those without either together. @default Infinity */
  publishesPerSecond: number
}>

export interface HubOptions<D, I> extends Opt<{
  /** @default memoryEngine() */
  engine: Engine
  /** By name or pattern; the first that matches counts. */
  topics: Record<string, TopicSettings<D, I>>
  /** Who may do what over `hub.fetch()`, which refuses everything without it. `undefined`: 401. */
  authorize: (request: Request) => Grant | undefined | Promise<Grant | undefined>
  /** How much one may take; a number that is reached is refused with 400, 413, 429 or 503. */
  limits: Limits
  /** There is a proxy in front, and no way around it: the last address in `X-Forwarded-For`, which it has written, is the client's. @default false */
  trustProxy: boolean
  /**
   * What a reader gets that was behind: everything, the newest value of each key, or a new connection when it is more than `maxLag`
   * behind. @default 'replay'
   */
  whenSlow: 'replay' | 'latest' | 'disconnect'
  /** How many bytes a reader may be behind; then it gets a gap, or is cut off with `whenSlow: 'disconnect'`. @default Infinity; 1 MiB with 'disconnect' */
  maxLag: number
  /** A connection that takes nothing for so many milliseconds while there is something for it is destroyed. @default 30_000 */
  stallTimeout: number
  /**
   * How many milliseconds a stream over HTTP may last, shortened by chance by up to a fifth; then it is ended, and its client comes back:
   * to another process, say, where there is one more by now. 0 is off. @default 0
   */
  maxAge: number
  /** How many milliseconds a publish may take; then it fails with SSE_MAYBE_STORED. @default 10_000 */
  publishTimeout: number
  /** Pages of which other origins may read and publish over `hub.fetch()`. @default none */
  cors: Cors
  /** `hub.fetch()` answers for these host names only, with any port or the one named: a page can make its own name point here. @default any */
  allowHosts: readonly string[]
  /** Gets what goes wrong in the background: the store can't be read, say. @default console.error */
  onError: (error: unknown) => void
}> {}

const DEFAULT_HISTORY: History = { size: 10_000, age: 86_400_000, bytes: 16 * 2 ** 20 }

/** The settings of a topic, with what its history is. */
export type SettingsOf = (topic: string) => Settings

interface Settings extends TopicSettings<unknown, unknown> {
  readonly history: History
}

// How many topics' settings are remembered, so that patterns aren't tried for each item.
const REMEMBERED = 10_000

/** @throws {TypeError} that names the option; {SseError} for a name that is neither a topic nor a pattern. */
// oxlint-disable-next-line typescript/no-explicit-any -- of any hub
export function settingsByTopic(topics: Record<string, TopicSettings<any, any>> = {}): SettingsOf {
  // A name is a pattern without wildcards.
  const rows = Object.entries(topics).map(([name, settings]) => {
    checkSettings(name, settings)
    return { selectors: [pattern(name)] as readonly Selector[], settings: withHistory(settings) }
  })
  const usual = withHistory({})
  const known = new Map<string, Settings>()
  return (topic) => {
    let settings = known.get(topic)
    if (!settings) {
      settings = rows.find(({ selectors }) => selects(selectors, topic))?.settings ?? usual
      if (known.size >= REMEMBERED) known.clear()
      known.set(topic, settings)
    }
    return settings
  }
}

// Once for all topics and items: engines keep it as it is.
function withHistory(settings: TopicSettings<unknown, unknown>): Settings {
  return { ...settings, history: { ...DEFAULT_HISTORY, ...settings.history } }
}

function checkSettings(topic: string, settings: TopicSettings<unknown, unknown>): void {
  const name = `topics[${JSON.stringify(topic)}]`
  if (typeof settings !== 'object') throw new TypeError(mustBe(name, 'an object', settings))
  const { history, snapshot, conflate } = settings
  for (const [limit, value] of Object.entries(history ?? {})) {
    if (!(limit in DEFAULT_HISTORY)) throw new TypeError(`\`${name}.history\` has \`size\`, \`age\` and \`bytes\`, no \`${limit}\``)
    checkNumber(`${name}.history.${limit}`, value)
  }
  if (snapshot !== undefined && typeof snapshot !== 'function') throw new TypeError(mustBe(`${name}.snapshot`, 'a function', snapshot))
  if (conflate !== undefined && typeof conflate.key !== 'function')
    throw new TypeError(mustBe(`${name}.conflate.key`, 'a function', conflate.key))
  checkNumber(`${name}.conflate.interval`, conflate?.interval)
}

// All of them, as `Limits` has them.
const LIMITS: Readonly<Record<keyof Limits, true>> = {
  topicsPerConnection: true,
  itemBytes: true,
  connections: true,
  connectionsPerPrincipal: true,
  connectionsPerAddress: true,
  publishesPerSecond: true,
}

export function checkLimits(limits: Limits): void {
  for (const [name, value] of Object.entries(limits)) {
    // One that is misspelt would be none.
    if (!Object.hasOwn(LIMITS, name)) {
      const known = Object.keys(LIMITS).map((one) => `\`${one}\``)
      throw new TypeError(`\`limits\` has ${known.join(', ')}, no \`${name}\``)
    }
    checkNumber(name, value)
  }
}

export function checkNumber(name: string, value: unknown): void {
  if (value !== undefined && !(typeof value === 'number' && value >= 0)) throw new TypeError(mustBe(name, 'a number >= 0', value))
}
