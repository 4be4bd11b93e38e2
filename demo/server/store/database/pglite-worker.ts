import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import type { Answer, Question } from './pglite.js'

// PostgreSQL in WebAssembly works on the thread that it is called from: on the main one, each query would stop every stream.
const port = parentPort as NonNullable<typeof parentPort>
const tell = (answer: Answer): void => port.postMessage(answer)
const { folder } = workerData as { folder: string }

try {
  await serve(await open())
} catch (error) {
  tell({ failed: wordsOf(error) })
}

async function open(): Promise<PGlite> {
  const made = join(folder, 'database')
  if (!existsSync(made)) {
    mkdirSync(folder, { recursive: true })
    // Under another name until it is complete: who is killed meanwhile leaves nothing that looks like a database.
    const draft = join(folder, 'database.new')
    rmSync(draft, { recursive: true, force: true })
    await (await PGlite.create({ dataDir: draft })).close()
    renameSync(draft, made)
  }
  return PGlite.create({ dataDir: made })
}

async function serve(database: PGlite): Promise<void> {
  database.onNotification((channel) => tell({ channel }))
  port.on('message', (question: Question) => void answer(question))
  await database.query('SELECT 1')
  tell({ opened: true })

  async function answer(question: Question): Promise<void> {
    if ('close' in question) {
      await database.close().catch(() => {})
      port.close()
      return
    }
    const { id, sql, values } = question
    try {
      const { rows } = await database.query(sql, [...values])
      tell({ id, rows })
    } catch (error) {
      const { code } = error as { code?: unknown }
      tell({ id, message: wordsOf(error), code: typeof code === 'string' ? code : undefined })
    }
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
