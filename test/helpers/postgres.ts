import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { Client } from 'pg'
import { describe } from 'vitest'
import { freePort } from './ports.js'
import { until } from './until.js'

const DEBIAN = '/usr/lib/postgresql'

/** The folder with `initdb` and `postgres`, the newest that this system has; none where it has none. POSTGRES_BIN names another one. */
const postgresBin = [process.env['POSTGRES_BIN'] ?? '', ...versions(), ...(process.env['PATH'] ?? '').split(delimiter)].find(
  (folder) => folder !== '' && existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')),
)

/** `describe` for tests with a real PostgreSQL. Without one they are left out, loudly; in CI that is an error. */
export function describeWithPostgres(name: string, tests: () => void): void {
  if (postgresBin) return void describe(name, tests)
  const words = `NO POSTGRESQL FOUND, LEFT OUT: all tests of "${name}". Install it (apt-get install postgresql) or set POSTGRES_BIN to the folder of initdb`
  if (process.env['CI'] === 'true') throw new Error(words)
  console.warn(words)
  describe.skip(name, tests)
}

export interface PostgresOptions {
  /** Whether a commit waits for the disk; a server that is only killed keeps what it has committed without. @default false */
  readonly fsync?: boolean
  /** As in postgresql.conf: `{ max_connections: '50' }`. */
  readonly settings?: Readonly<Record<string, string>>
}

/** A PostgreSQL server of its own, on a port and a folder of its own that it keeps when it is started again. */
export interface PostgresServer {
  readonly port: number
  readonly folder: string
  readonly isRunning: boolean
  /** Of a database on it; `postgres` is there from the start. */
  url(database?: string): string
  /** A new, empty database; returns its URL. */
  createDatabase(name: string): Promise<string>
  /** One query on a connection of its own. */
  query<Row = Record<string, unknown>>(sql: string, values?: readonly unknown[], database?: string): Promise<Row[]>
  /** A connection, for what takes more than one query; to be ended by who asked for it. */
  connect(database?: string): Promise<Client>
  /** At once, but in good order: connections are cut, everything committed is on disk. The folder stays. */
  stop(): Promise<void>
  /** As a crash (SIGQUIT, its "immediate shutdown"): the next start recovers from the log. The folder stays. */
  kill(): Promise<void>
  /** Again, after stop() or kill(), on the same port with its data. What is said here holds instead of what was said before. */
  start(options?: PostgresOptions): Promise<void>
  /** Ends it and removes its folder; safe to call twice. */
  remove(): Promise<void>
}

const servers = new Set<{ readonly folder: string; readonly child: () => ChildProcess | undefined; readonly remove: () => Promise<void> }>()

/** To be called after the tests that started some. */
export async function removePostgres(): Promise<void> {
  await Promise.all([...servers].map((server) => server.remove()))
}

// A test run that is cut off must not leave servers behind.
process.on('exit', () => {
  for (const { child, folder } of servers) {
    child()?.kill('SIGQUIT')
    rmSync(folder, { recursive: true, force: true })
  }
})

/** Makes one, starts it and waits until it answers. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  if (!postgresBin) throw new Error('There is no PostgreSQL: put these tests in describeWithPostgres()')
  const folder = mkdtempSync(join(tmpdir(), 'server-sent-postgres-'))
  const owner = ownerOf(folder)
  const { status, stderr } = spawnSync(
    join(postgresBin, 'initdb'),
    ['--pgdata', join(folder, 'data'), '--username', 'postgres', '--auth', 'trust', '--encoding', 'UTF8', '--no-locale', '--no-sync'],
    { ...owner, cwd: folder, encoding: 'utf8' },
  )
  if (status !== 0) {
    rmSync(folder, { recursive: true, force: true })
    throw new Error(`initdb has failed: ${stderr}`)
  }
  // Another process may take the port between the look and the start.
  for (let left = 4; ; left--) {
    const server = createServerAt(await freePort(), folder, owner, options)
    try {
      await server.start()
      return server
    } catch (error) {
      const isTaken = /address already in use/i.test(String(error))
      if (left > 0 && isTaken) continue
      await server.remove()
      throw error
    }
  }
}

function createServerAt(port: number, folder: string, owner: Owner, first: PostgresOptions): PostgresServer {
  let options = first
  let child: ChildProcess | undefined
  let log = ''

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child
    if (!ending) return
    // With all its processes, which hold its pipe: one that is left would be in the way of the next start.
    const ended = once(ending, 'close')
    ending.kill(signal)
    await ended
  }

  const url = (database = 'postgres'): string => `postgres://postgres@127.0.0.1:${port}/${database}`

  async function connect(database?: string): Promise<Client> {
    const client = new Client({ connectionString: url(database), connectionTimeoutMillis: 20_000 })
    await client.connect()
    return client
  }

  async function query<Row>(sql: string, values: readonly unknown[] = [], database?: string): Promise<Row[]> {
    const client = await connect(database)
    try {
      return (await client.query(sql, [...values])).rows as Row[]
    } finally {
      await client.end()
    }
  }

  const server: PostgresServer = {
    port,
    folder,
    get isRunning() {
      return child !== undefined
    },
    url,
    async createDatabase(name) {
      await query(`CREATE DATABASE ${name}`)
      return url(name)
    },
    query,
    connect,
    stop: () => end('SIGINT'),
    kill: () => end('SIGQUIT'),
    async start(changed = {}) {
      if (child) throw new Error('It is running: stop() or kill() it first')
      options = { ...options, ...changed }
      const settings = {
        listen_addresses: '127.0.0.1',
        port: String(port),
        unix_socket_directories: folder,
        max_connections: '60',
        shared_buffers: '16MB',
        ...(options.fsync ? {} : { fsync: 'off', full_page_writes: 'off' }),
        ...options.settings,
      }
      const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
      log = ''
      const started = spawn(join(postgresBin as string, 'postgres'), ['-D', join(folder, 'data'), ...flags], {
        ...owner,
        cwd: folder,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      child = started
      started.stderr.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-20_000)))
      // With the last of what it has said.
      started.once('close', () => (child = undefined))
      await until('PostgreSQL answers', async () => {
        if (!child) return true
        await query('SELECT 1')
        return true
      })
      if (!child) throw new Error(`PostgreSQL has ended: ${log}`)
    },
    async remove() {
      await end('SIGQUIT')
      servers.delete(entry)
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
    },
  }
  const entry = { folder, child: () => child, remove: server.remove }
  servers.add(entry)
  return server
}

interface Owner {
  readonly uid?: number
  readonly gid?: number
}

/** PostgreSQL refuses to be root: then it is somebody else, who gets the folder. */
function ownerOf(folder: string): Owner {
  if (process.getuid?.() !== 0) return {}
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody')
  if (!user) throw new Error('There is no user `postgres` or `nobody` to run PostgreSQL as: it refuses to be root')
  const owner = { uid: Number(user[2]), gid: Number(user[3]) }
  chownSync(folder, owner.uid, owner.gid)
  return owner
}

function versions(): string[] {
  if (!existsSync(DEBIAN)) return []
  const numbers = readdirSync(DEBIAN).filter((name) => /^\d+$/.test(name))
  return numbers.sort((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN, version, 'bin'))
}
