import { HttpError } from '../http.js'
import { DatabaseUnavailable } from './database/database.js'
import type { Settings } from './settings.js'
import { openStore, type Store } from './store.js'

export interface Opening {
  /** Opens the store, if it isn't open. For the first visit: `npm start` itself doesn't wait for a database. */
  begin(): void
  /** The store, once it is open. @throws {HttpError} 503 STORE_OPENING, STORE_UNAVAILABLE */
  store(): Promise<Store>
  close(): Promise<void>
}

// After a failure: not for each request anew.
const PAUSE = 3_000

export function createOpening(settings: Settings): Opening {
  let opening: Promise<Store> | undefined
  let failure: { readonly error: Error; readonly at: number } | undefined
  let closed = false

  function begin(): void {
    if (opening || closed || (failure && performance.now() - failure.at < PAUSE)) return
    const mine = openStore(settings)
    opening = mine
    mine.then(
      ({ database, close }) => {
        // It is opened anew by the next visit.
        void database.lost.then(async (error) => {
          if (closed || opening !== mine) return
          console.error(error.message)
          await close().catch(() => {})
          opening = undefined
        })
      },
      (error: Error) => {
        if (failure?.error.message !== error.message) console.error(error.message)
        failure = { error, at: performance.now() }
        opening = undefined
      },
    )
  }

  return {
    begin,
    async store() {
      begin()
      if (!opening) throw unavailable(failure?.error)
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(stillOpening()), settings.patience)
      })
      try {
        return await Promise.race([opening, late])
      } catch (error) {
        throw error instanceof HttpError ? error : unavailable(error)
      } finally {
        clearTimeout(timer)
      }
    },
    async close() {
      closed = true
      const store = await opening?.catch(() => undefined)
      await store?.close()
    },
  }
}

/** As an answer: what a database that can't be used is for a visitor. */
export function unavailable(error: unknown): HttpError {
  const words = error instanceof DatabaseUnavailable ? error.message : 'The store is closed'
  return new HttpError(503, 'STORE_UNAVAILABLE', words, { headers: { 'Retry-After': '5' } })
}

function stillOpening(): HttpError {
  return new HttpError(503, 'STORE_OPENING', 'The store is being set up: one moment', {
    headers: { 'Retry-After': '1' },
  })
}
