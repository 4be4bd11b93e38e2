/** Ready bytes for any number of connections: made once, whoever they go to. */
export interface Chunk {
  /** Wire text. */
  readonly bytes: Uint8Array
  /** The same as one chunk of HTTP/1.1's chunked coding. */
  readonly framed: Uint8Array
}

/** Where a feed writes. */
export interface FeedSink {
  /** False: it has enough; `drained()` tells when it takes more. */
  write(chunk: Chunk): boolean
  /** The feed is over. */
  end(): void
  /** The feed has failed: the stream ends, and the error is reported. */
  fail(error: unknown): void
}

/** What writes by itself instead of being pulled: a reader of a hub. Its `return()` lets go of everything. */
export interface Feed {
  start(sink: FeedSink): void
  /** The sink takes more. */
  drained(): void
  /** Nothing was written for the keep-alive's time. */
  beat(): void
  return(): void
}

/** A source that has one. */
export interface FeedSource {
  [FEED](lastEventId: string): Feed
}

// Registered, so that the hub of another copy of this package is fed from, too.
export const FEED: unique symbol = Symbol.for('server-sent.feed') as never
