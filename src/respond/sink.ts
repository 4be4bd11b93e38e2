import type { FeedWrite } from './feed.js'

/** Where a stream's wire text goes: a Node response, a Fetch body. It pulls the stream whenever it can take more. */
export interface Sink {
  write(text: string): void
  /** Takes the chunks of a feed, which knows itself when to wait. */
  readonly feed: FeedWrite
  end(): void
  /** Gives the connection up, whatever it still has to take. */
  drop(): void
}
