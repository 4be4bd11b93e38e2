import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { DatabaseUnavailable, isShortage, type Database, type Queryable } from './database.js'
import { lockFolder } from './folder-lock.js'

export type Question =
  | { readonly id: number; readonly sql: string; readonly values: readonly unknown[] }
  | { readonly close: true }

export type Answer =
  | { readonly opened: true }
  | { readonly failed: string }
  | { readonly channel: string }
  | { readonly id: number; readonly rows: readonly unknown[] }
  | { readonly id: number; readonly message: string; readonly code: string | undefined }

interface Asked {
  readonly resolve: (rows: never[]) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

// The first start makes the database: some seconds here, more on a slow disk.
const PATIENCE = 120_000
// No statement of the store takes a second. On a disk too full for its log PGlite runs in circles, and answers nothing any more.
const ANSWER = 20_000

/** PostgreSQL within this process: PGlite, in a thread of its own, on disk in `folder`. */
export async function openPglite(folder: string): Promise<Database> {
  const unlock = await lockFolder(folder)
  const worker = new Worker(new URL('./pglite-worker.js', import.meta.url), {
    workerData: { folder },
  })
  const asked = new Map<number, Asked>()
  const listeners = new Set<(channel: string) => void>()
  let ids = 0
  let failure: Error | undefined
  // One connection: one transaction, or one query, after the other.
  let turn: Promise<unknown> = Promise.resolve()
  let isLost: (error: Error) => void
  const lost = new Promise<Error>((resolve) => (isLost = resolve))

  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no answer within ${PATIENCE / 1000} seconds`)),
        PATIENCE,
      )
      worker.on('message', (answer: Answer) => {
        if ('opened' in answer) resolve()
        else if ('failed' in answer) reject(new Error(answer.failed))
        else hear(answer)
        clearTimeout(timer)
      })
      for (const event of ['error', 'exit'] as const) {
        worker.once(event, (reason: unknown) => {
          clearTimeout(timer)
          const error = new Error(reason instanceof Error ? reason.message : 'its thread has ended')
          reject(error)
          fail(error)
        })
      }
    })
  } catch (error) {
    await worker.terminate()
    unlock()
    throw damaged(folder, error as Error)
  }

  function hear(answer: Answer): void {
    if ('channel' in answer) for (const listener of listeners) listener(answer.channel)
    if (!('id' in answer)) return
    const question = asked.get(answer.id)
    // Given up meanwhile.
    if (!question) return
    const { resolve, reject, timer } = question
    clearTimeout(timer)
    asked.delete(answer.id)
    if ('rows' in answer) resolve(answer.rows as never[])
    else if (isShortage(answer)) reject(refused(folder, answer.message))
    else reject(Object.assign(new Error(answer.message), { code: answer.code }))
  }

  function fail(error: Error): void {
    failure ??= new DatabaseUnavailable(
      `The store's database has stopped: ${error.message}. It is opened anew`,
    )
    for (const { reject, timer } of asked.values()) {
      clearTimeout(timer)
      reject(failure)
    }
    asked.clear()
    isLost(failure)
  }

  function giveUp(): void {
    fail(new Error(`no answer within ${ANSWER / 1000} seconds (is the disk of ${folder} full?)`))
    void worker.terminate()
  }

  function ask<Row>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      if (failure) return reject(failure)
      const id = ids++
      asked.set(id, { resolve, reject, timer: setTimeout(giveUp, ANSWER) })
      worker.postMessage({ id, sql, values } satisfies Question, [])
    })
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work)
    turn = mine.catch(() => {})
    return mine
  }

  const query: Queryable['query'] = (sql, values) => inTurn(() => ask(sql, values))

  return {
    query,
    transaction: (work) =>
      inTurn(async () => {
        await ask('BEGIN')
        try {
          const result = await work({ query: ask })
          await ask('COMMIT')
          return result
        } catch (error) {
          await ask('ROLLBACK').catch(() => {})
          throw error
        }
      }),
    async session(onNotify) {
      listeners.add(onNotify)
      return {
        query,
        get isOpen() {
          return failure === undefined
        },
        async release() {
          listeners.delete(onNotify)
        },
      }
    },
    lost,
    async close() {
      await inTurn(async () => {
        if (failure) return
        failure = new DatabaseUnavailable('The store is closed')
        const gone = once(worker, 'exit')
        worker.postMessage({ close: true } satisfies Question, [])
        await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 2_000).unref())])
      })
      await worker.terminate()
      unlock()
    },
  }
}

function refused(folder: string, words: string): Error {
  return new DatabaseUnavailable(
    `The store's database in ${folder} can't do that: ${words}. What was asked has not happened`,
  )
}

function damaged(folder: string, cause: Error): Error {
  return new DatabaseUnavailable(
    `The store's database in ${folder} can't be opened: ${cause.message}. If its disk is full, make room; if it is damaged, remove that folder: the store begins anew`,
    { cause },
  )
}
