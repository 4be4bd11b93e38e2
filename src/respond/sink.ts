import type { Chunk } from './feed.js'

/** Where a stream's wire text goes: a Node response, a Fetch body. It pulls the stream whenever it can take more. */
export interface Sink {
  /** False: it has enough, and will pull. Only a feed, which isn't pulled for each item, needs to know. */
  write(text: string | Chunk): boolean
  end(): void
}
