export interface Backoff {
  /** The ceiling of the first wait, in milliseconds. */
  readonly min: number
  /** No ceiling is higher, unless `min` is. */
  readonly max: number
}

/**
 * How long to wait before the attempt-th try (1, 2, ...): anything between 0 and a ceiling that doubles from try to try. "Full jitter":
 * when a server restarts, its clients come back spread over the whole time instead of in waves.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoff(attempt: number, { min, max }: Backoff, random: () => number = Math.random): number {
  // A `min` of 0 must not stay 0 for ever, or a broken server would be asked in a busy loop.
  const ceiling = attempt === 1 ? min : Math.max(min, 1) * 2 ** (attempt - 1)
  return Math.floor(random() * Math.min(ceiling, Math.max(min, max)))
}
