import type { Opt } from '../protocol/item.js'
import type { Selector } from '../protocol/topic.js'
import type { Nodes } from './nodes.js'

/** One item of the log. */
export interface StoredItem {
  /** Its number among all items of the hub: 1, 2, 3 ... */
  readonly seq: number
  /** The `seq` of the topic's item before it; 0 if there was none. */
  readonly prev: number
  readonly topic: string
  readonly fields: { readonly data: string; readonly event?: string }
  /** When it was stored, in milliseconds since 1970. */
  readonly at: number
}

/** An item of the log of which only the place is told. */
export interface Passed {
  readonly seq: number
  readonly prev: number
  readonly topic: string
}

/** What a read found, all of one moment. */
export interface Page {
  readonly epoch: string
  /** The `seq` of the newest item of the whole log; 0 if there never was one. */
  readonly head: number
  /** The selected topics are complete in `items` from `after` up to here (as far as they are kept). Never above `head` or `upTo`. */
  readonly through: number
  /** Ascending by `seq`, all above `after`. */
  readonly items: readonly StoredItem[]
  /** The highest `seq` that was dropped from the selected topics; 0 for none. Who has read less far has missed something. */
  readonly trimmed: number
}

/** How much of a topic is kept; what isn't said isn't limited. Whichever is reached first drops the oldest. */
export interface History extends Opt<{
  /** In items. */
  size: number
  /** In milliseconds. */
  age: number
  /** In bytes of data (UTF-8). */
  bytes: number
}> {}

export interface AppendOptions {
  readonly history: History
  /**
   * Scoped by topic. The same key again, with the same fields, within the engine's window (10 minutes): nothing is stored, and the first
   * one's position is the answer. With other fields it is refused.
   */
  readonly idempotencyKey?: string | undefined
  /** Engines that can: written within the caller's own transaction. Then the answer is `null`: the position is known after the commit. */
  readonly transaction?: unknown
}

/** Where an item is stored. */
export interface Appended {
  readonly epoch: string
  readonly seq: number
  readonly prev: number
}

export interface ReadOptions {
  /** Read no further than this `seq`. @default the head */
  readonly upTo?: number | undefined
  /** At most so many items. */
  readonly limit: number
  /** About so many bytes of data; one item always comes, however large. */
  readonly bytes: number
}

/**
 * Stores the items of one hub in one order, and tells of new ones. `testEngine()` of `server-sent/testing` decides whether an engine
 * keeps these rules; docs/engines.md explains them.
 */
export interface Engine {
  /** Called once, before anything else. `epoch`: letters and digits, new when the store is empty or another one. */
  open(): Promise<{ readonly epoch: string; readonly head: number }>
  /**
   * Resolves when the item is stored as safely as this engine promises. Calls for one topic are stored in the order of the calls.
   *
   * @throws {SseError} SSE_CONFLICT for an idempotency key that was used with other fields; SSE_ENGINE when the item is *not
   * stored*; SSE_MAYBE_STORED when that can't be known: repeat with an idempotency key.
   */
  append(topic: string, fields: StoredItem['fields'], options: AppendOptions): Promise<Appended | null>
  /** One snapshot of the log. Patterns are expanded within it, so that a topic born meanwhile counts or not as a whole. */
  read(selectors: readonly Selector[], after: number, options: ReadOptions): Promise<Page>
  /**
   * Tells of new items: hints only, that may be lost, doubled, late or out of order. `through`: as far as these items are known to be
   * complete; without items it only says how far the log goes by now. Returns how to stop.
   *
   * @param onReset The store begins a new epoch: what is told after it is of that one, what was told before it of the old one.
   */
  watch(
    onItems: (items: readonly StoredItem[], through: number) => void,
    onReset: (epoch: string) => void,
    onPassed?: (items: readonly Passed[]) => void,
  ): () => void
  /**
   * From its first call on, only items of the topics that somebody follows have to come whole to `watch`; all others it may leave at
   * `onPassed` (or, when that isn't given, at an `onItems` without items). Hints as well: an item of a followed topic may come as passed.
   * Engines that carry every item to every node anyway don't have it. Returns how to stop following; safe to call twice.
   */
  follow?(selectors: readonly Selector[]): () => void
  /** The known topics that are selected: for the snapshots of a pattern. An engine without it gives patterns none. */
  topics?(selectors: readonly Selector[]): Promise<readonly string[]>
  /** Lets everything go; what was taken on is stored before. Safe to call twice; after it all calls reject with SSE_CLOSED. */
  close(): Promise<void>
  readonly supports: {
    /** Items survive the end of the process. */
    readonly durable: boolean
    /** Several processes may use the store at once. */
    readonly shared: boolean
    /** `append` takes a `transaction`; a hub refuses one for engines that don't. */
    readonly transactions: boolean
  }
  /** Whether the store can't be reached at the moment. Engines without it are always there. */
  readonly isAway?: boolean | undefined
  /** How the nodes of one hub know of each other; of engines whose store is on another machine. */
  readonly nodes?: Nodes | undefined
  /** The position at the start, of engines that know it without waiting. */
  readonly opened?: { readonly epoch: string; readonly head: number } | undefined
}
