/** Ready bytes for any number of connections: made once, whoever they go to. */
export interface Chunk {
  /** Wire text. */
  readonly bytes: Uint8Array
  /** The same as one chunk of HTTP/1.1's chunked coding. */
  readonly framed: Uint8Array
}

/** Takes a feed's chunk. False: it has enough; `drained()` tells when it takes more. */
export type FeedWrite = (chunk: Chunk) => boolean

/**
 * What writes by itself instead of being pulled: a reader of a hub. Its `return()` lets go of everything. `drained` and `beat` answer
 * true, so that one call both asks and tells who is to do it.
 */
export interface Feed {
  /** @param end The feed is over. @param fail It has failed: the stream ends, and the error is reported. */
  start(write: FeedWrite, end: () => void, fail: (error: unknown) => void): void
  /** The sink takes more. */
  drained(): true
  /** Nothing was written for the keep-alive's time. */
  beat(): true
  return(): void
}

/** A source that has one. The name is a string, and short, because `sse()` is counted in bytes. */
export interface FeedSource {
  '~feed'(lastEventId: string): Feed
}
