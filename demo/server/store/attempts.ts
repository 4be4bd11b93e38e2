import { HttpError } from '../http.js'

const MOST = 10
const WINDOW = 60_000
// Names that are counted; then the oldest is forgotten.
const NAMES = 10_000

export interface Attempts {
  /** Counts one, before it is known how it ends: many at once don't get around it. @throws {HttpError} 429 */
  count(name: string): void
  forgive(name: string): void
}

/** How often something may be tried with the same name: ten times a minute. */
export function createAttempts(): Attempts {
  const counts = new Map<string, { tries: number; readonly since: number }>()
  return {
    count(name) {
      const now = performance.now()
      let entry = counts.get(name)
      if (!entry || now - entry.since > WINDOW) {
        counts.delete(name)
        counts.set(name, (entry = { tries: 0, since: now }))
        if (counts.size > NAMES) counts.delete(counts.keys().next().value as string)
      }
      if (entry.tries >= MOST) {
        const seconds = Math.ceil((entry.since + WINDOW - now) / 1_000)
        throw new HttpError(
          429,
          'TOO_MANY_ATTEMPTS',
          `Too many attempts: try again in ${seconds} s`,
          {
            headers: { 'Retry-After': String(seconds) },
          },
        )
      }
      entry.tries++
    },
    forgive: (name) => void counts.delete(name),
  }
}
