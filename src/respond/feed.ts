/** Ready bytes for any number of connections: made once, whoever they go to. */
export interface Chunk {
  /** Wire text. */
  readonly bytes: Uint8Array
  /** The same as one chunk of HTTP/1.1's chunked coding. */
  readonly framed: Uint8Array
}

/** Where a feed writes. */
export interface FeedSink {
  /** False: it has enough, and the feed is told when it takes more. */
  write(chunk: Chunk): boolean
  /** The feed is over. */
  end(): void
  /** The feed has failed: the stream ends, and the error is reported. */
  fail(error: unknown): void
  /** The connection is to be given up, whatever it still has to take. A loop has none, and all the time in the world. */
  drop?: (() => void) | undefined
}

/** What writes by itself instead of being pulled item by item: a reader of a hub. */
export interface Feed {
  /**
   * It begins.
   *
   * @param silence After so many milliseconds without a write it sends something all the same; 0 is never.
   */
  attach(sink: FeedSink, silence: number): void
  /** The sink takes more. */
  drained(): void
  /**
   * Both in one call, for `sse()`, which is counted in bytes: begins the first time, and then the sink takes more.
   *
   * @returns true, so that one call both asks for a feed and pulls it.
   */
  pull(write: FeedSink['write'], end: () => void, fail: (error: unknown) => void, silence: number, drop: () => void): true
  /** Lets go of everything. */
  return(): void
}

/** A source that has one. The name is a string, and short, because `sse()` is counted in bytes. */
export interface FeedSource {
  '~feed'(lastEventId: string): Feed
}
