import type { FeedSink } from './feed.js'

/** Where a stream's wire text goes: a Node response, a Fetch body. It pulls the stream whenever it can take more. */
export interface Sink {
  write(text: string): void
  end(): void
  /** For a feed, which isn't pulled for each chunk: on Node it has a way of its own. */
  readonly feed?: FeedSink['write']
  readonly drop?: () => void
}
