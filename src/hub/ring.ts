import { createTopicLog } from '../util/topic-log.js'
import type { Frame } from './frame.js'
import type { Interest } from './interest.js'

export interface Found {
  /** Ascending, all above `after`. */
  readonly frames: readonly Frame[]
  /** The interest's topics are complete in them up to here. */
  readonly through: number
}

/** The newest frames of all topics, bounded in bytes: what readers that are a little behind read instead of the log. */
export interface Ring {
  /** It holds everything above this. */
  readonly start: number
  readonly topics: number
  add(frame: Frame): void
  /** What an interest has above `after`, up to `upTo`: about `bytes` of it. */
  read(interest: Interest, after: number, upTo: number, bytes: number): Found
  /** Empties it: it will hold what comes above `start`. */
  clear(start: number): void
}

export function createRing(maxBytes: number): Ring {
  const log = createTopicLog<Frame>()
  let start = 0
  let held = 0
  return {
    get start() {
      return start
    },
    get topics() {
      return log.topics
    },
    add(frame) {
      log.add(frame)
      held += frame.size
      while (held > maxBytes) {
        const dropped = log.drop() as Frame
        held -= dropped.size
        start = dropped.seq
      }
    },
    read(interest, after, upTo, bytes) {
      const frames: Frame[] = []
      let size = 0
      const candidates = interest.names ? log.ofTopics(interest.names, after) : log.all(after)
      for (const frame of candidates) {
        if (frame.seq > upTo) break
        if (!interest.names && !interest.has(frame.topic)) continue
        if (size > 0 && size + frame.size > bytes) return { frames, through: (frames.at(-1) as Frame).seq }
        frames.push(frame)
        size += frame.size
      }
      return { frames, through: upTo }
    },
    clear(at) {
      log.clear()
      held = 0
      start = at
    },
  }
}
