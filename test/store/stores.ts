import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import { startDemo, type Demo } from '../helpers/demo.js'
import { freePort } from '../helpers/ports.js'
import { describeWithPostgres, startPostgres, type PostgresServer } from '../helpers/postgres.js'
import { until } from '../helpers/until.js'
import { createShopper, type Shopper } from './shopper.js'

/** The demo with a store on a database, as each test of a file finds it. */
export interface Stand {
  readonly demo: Demo
  /** Its data folder. */
  readonly folder: string
  /** Starts the demo again, on the same port, with the same data. */
  restart(signal?: NodeJS.Signals): Promise<void>
  shopper(): Shopper
  /** The server, where it is a real one. */
  readonly postgres: PostgresServer | undefined
}

/** The same tests with a store on PGlite, and with one on a real PostgreSQL. One demo for all tests of a database. */
export function describeStores(name: string, env: Record<string, string>, tests: (stand: () => Stand, database: string) => void): void {
  describe(`${name}, on PGlite`, () => {
    tests(useStand(env), 'PGlite')
  })
  describeWithPostgres(`${name}, on PostgreSQL`, () => {
    tests(useStand(env, startPostgres), 'PostgreSQL')
  })
}

/** One on PGlite, or on the server that is started. */
export function useStand(env: Record<string, string>, start?: () => Promise<PostgresServer>): () => Stand {
  let stand: Stand | undefined
  const folder = mkdtempSync(join(tmpdir(), 'server-sent-store-'))
  beforeAll(async () => {
    const postgres = await start?.()
    const all = { DATA_DIR: folder, ...(postgres && { DATABASE_URL: await postgres.createDatabase('shop') }), ...env }
    let demo = await startDemo(await freePort(), all)
    stand = {
      folder,
      postgres,
      get demo() {
        return demo
      },
      async restart(signal = 'SIGTERM') {
        await demo.stop(signal)
        demo = await startDemo(demo.port, all)
        await isOpen()
      },
      shopper: () => createShopper(demo.url.replace('localhost', '127.0.0.1')),
    }
    // Its database is made now, not in the time of a test.
    await isOpen()
  })
  const isOpen = () => until('the store is open', () => stand?.shopper().products(), 110_000)
  afterAll(async () => {
    await stand?.demo.stop()
    await stand?.postgres?.remove()
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  })
  return () => stand as Stand
}

const open: { close(): void }[] = []

/** Closes it after the test. */
export function untilEnd<T extends { close(): void }>(thing: T): T {
  open.push(thing)
  return thing
}

/** To be called once in a file that uses untilEnd(). */
export function closeAll(): void {
  afterEach(() => {
    for (const thing of open.splice(0)) thing.close()
  })
}
