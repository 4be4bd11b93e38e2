/** Ready bytes for any number of connections: made once, whoever they go to. */
export interface Chunk {
  /** Wire text. */
  readonly bytes: Uint8Array
  /** The same as one chunk of HTTP/1.1's chunked coding. */
  readonly framed: Uint8Array
}

/** Takes a feed's chunk. False: it has enough, and `pull()` tells when it takes more. */
export type FeedWrite = (chunk: Chunk) => boolean

/** What writes by itself instead of being pulled item by item: a reader of a hub. */
export interface Feed {
  /**
   * The connection takes what there is; the first time the feed begins.
   *
   * @param end It is over.
   * @param fail It has failed: the stream ends, and the error is reported.
   * @param silence After so many milliseconds without a write it sends something all the same; 0 is never.
   * @param drop The connection is to be given up, whatever it still has to take. A loop has none, and all the time in the world.
   * @returns true, so that one call both asks for a feed and pulls it.
   */
  pull(write: FeedWrite, end: () => void, fail: (error: unknown) => void, silence: number, drop?: () => void): true
  /** Lets go of everything. */
  return(): void
}

/** A source that has one. The name is a string, and short, because `sse()` is counted in bytes. */
export interface FeedSource {
  '~feed'(lastEventId: string): Feed
}
