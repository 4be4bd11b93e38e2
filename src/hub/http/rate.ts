/** How many times a second something may be done, by whom. */
export interface Rate {
  /** 0: it may be done now. Else in so many milliseconds. */
  take(key: string): number
}

interface Bucket {
  readonly tokens: number
  readonly at: number
}

/**
 * A bucket of tokens for each key: it holds those of one second (at least one), so that short bursts pass.
 *
 * @param now Milliseconds, of a clock that nobody sets.
 */
export function createRate(perSecond: number, now: () => number = () => performance.now()): Rate {
  if (perSecond === Infinity) return { take: () => 0 }
  if (perSecond === 0) return { take: () => Infinity }
  const size = Math.max(1, perSecond)
  // The longest unused one first.
  const buckets = new Map<string, Bucket>()

  function filled({ tokens, at }: Bucket, time: number): number {
    return Math.min(size, tokens + ((time - at) / 1000) * perSecond)
  }

  return {
    take(key) {
      const time = now()
      // A full one is as good as none: only those of the last moment are held, however many keys there are.
      for (const [other, bucket] of buckets) {
        if (filled(bucket, time) < size) break
        buckets.delete(other)
      }
      const known = buckets.get(key)
      const tokens = known ? filled(known, time) : size
      if (tokens < 1) return ((1 - tokens) / perSecond) * 1000
      buckets.delete(key)
      buckets.set(key, { tokens: tokens - 1, at: time })
      return 0
    },
  }
}
