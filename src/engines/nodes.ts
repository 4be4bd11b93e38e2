/**
 * How the processes ("nodes") of one hub know of each other, besides the items. Engines whose store is on another machine have it: without
 * it limits, `stats()` and `revoke()` are those of one process.
 *
 * While the store is away, promises reject with `SSE_ENGINE`; the hub then goes by what it knows of its own node.
 */
export interface Nodes {
  /**
   * Tells all nodes of the hub, this one too, in one order. Who is cut off is told when it is back, if that is within 10 minutes. Resolves
   * when the store has it.
   */
  tell(message: string): Promise<void>
  /** Returns how to stop. Only what is told after the engine was opened is heard. */
  hear(listener: (message: string) => void): () => void
  /**
   * Adds one to each of these counts, of all nodes together, unless that passes a limit: then to none of them. Answers the index of the
   * first full one, -1 when all were taken. What a node has taken and not given back is gone some 15 s after the node is.
   */
  take(counts: readonly { readonly key: string; readonly limit: number }[]): Promise<number>
  /** Takes one from each count; also later, when the store is away now. */
  give(keys: readonly string[]): void
  /** One more event of this key in the running second, of all nodes together: whether there were no more than `limit`. */
  pass(key: string, limit: number): Promise<boolean>
  /** What this node says of itself: replaces what it said before, and is gone some 5 s after the node is. */
  note(text: string): Promise<void>
  /** What the other nodes have said of themselves. */
  notes(): Promise<readonly string[]>
}
