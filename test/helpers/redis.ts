import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { Redis } from 'ioredis'
import { describe } from 'vitest'
import { freePort } from './ports.js'
import { until } from './until.js'

const NAMES = ['redis-server', 'valkey-server']

/** Where the server is that this system has; none where it has none. REDIS_SERVER names another one. */
const redisPath =
  process.env['REDIS_SERVER'] ??
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((folder) => NAMES.map((name) => join(folder, name)))
    .find((path) => existsSync(path))

/** Whether it is Valkey, by whatever name: Debian can install it as redis-server. */
export const isValkey = redisPath !== undefined && /valkey/.test(existsSync(redisPath) ? realpathSync(redisPath) : redisPath)

/** `describe` for tests with a real Redis. Without one they are left out, loudly; in CI that is an error. */
export function describeWithRedis(name: string, tests: () => void): void {
  if (redisPath) return void describe(name, tests)
  const words = `NO REDIS-SERVER FOUND, LEFT OUT: all tests of "${name}". Install it (apt-get install redis-server) or set REDIS_SERVER to its path`
  if (process.env['CI'] === 'true') throw new Error(words)
  console.warn(words)
  describe.skip(name, tests)
}

export interface RedisOptions {
  /** When its log of writes reaches the disk; `off`: it has none. @default 'always' */
  readonly appendonly?: 'always' | 'everysec' | 'off'
  /** As in redis.conf: '60 1'. @default none */
  readonly save?: string
  /** Another server, of which it is a replica. */
  readonly replicaOf?: { readonly port: number }
  /** As in redis.conf: '10mb'. @default no limit */
  readonly maxmemory?: string
  /** @default 'noeviction' */
  readonly maxmemoryPolicy?: string
  /** Beside this process's own: `fakeClock().env`. */
  readonly env?: Readonly<Record<string, string>>
  /** More arguments for redis-server. */
  readonly args?: readonly string[]
}

/** A redis-server of its own, on a port and a folder of its own that it keeps when it is started again. */
export interface RedisServer {
  readonly port: number
  /** redis://127.0.0.1:port */
  readonly url: string
  readonly folder: string
  readonly pid: number | undefined
  readonly isRunning: boolean
  /** One command on a connection of its own. */
  send(command: string, ...args: readonly (string | number)[]): Promise<unknown>
  /** An orderly end (SIGTERM); the folder stays. */
  stop(): Promise<void>
  /** `kill -9`; the folder stays. */
  kill(): Promise<void>
  /** Stands still (SIGSTOP): connections stay open, nothing is answered. */
  pause(): void
  resume(): void
  /** Again, after stop() or kill(), on the same port: with its data, or with none. What is said here holds instead of what was said before. */
  start(options?: RedisOptions & { readonly empty?: boolean }): Promise<void>
  /** Ends it and removes its folder; safe to call twice. */
  remove(): Promise<void>
}

const servers = new Set<RedisServer>()

/** To be called after the tests that started some. */
export async function removeRedis(): Promise<void> {
  await Promise.all([...servers].map((server) => server.remove()))
}

// A test run that is cut off must not leave servers behind.
process.on('exit', () => {
  for (const { pid, isRunning, folder } of servers) {
    if (pid !== undefined && isRunning) process.kill(pid, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})

/** Starts one and waits until it answers. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  if (!redisPath) throw new Error('There is no redis-server: put these tests in describeWithRedis()')
  // Another process may take the port between the look and the start.
  for (let left = 4; ; left--) {
    const server = createServerAt(await freePort(), options)
    try {
      await server.start()
      return server
    } catch (error) {
      await server.remove()
      if (left === 0 || !/address already in use/i.test(String(error))) throw error
    }
  }
}

function createServerAt(port: number, first: RedisOptions): RedisServer {
  const folder = mkdtempSync(join(tmpdir(), 'server-sent-redis-'))
  const data = join(folder, 'data')
  const log = join(folder, 'log')
  let options = first
  let child: ChildProcess | undefined

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child
    child = undefined
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
    const ended = once(ending, 'exit')
    // One that stands still hears no other signal.
    ending.kill('SIGCONT')
    ending.kill(signal)
    await ended
  }

  const server: RedisServer = {
    port,
    url: `redis://127.0.0.1:${port}`,
    folder,
    get pid() {
      return child?.pid
    },
    get isRunning() {
      return child !== undefined && child.exitCode === null && child.signalCode === null
    },
    async send(command, ...args) {
      const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
      client.on('error', () => {})
      try {
        await client.connect()
        return await client.call(command, ...args.map(String))
      } finally {
        client.disconnect()
      }
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async start({ empty = false, ...more } = {}) {
      if (server.isRunning) throw new Error('It is running: stop() or kill() it first')
      options = { ...options, ...more }
      if (empty) rmSync(data, { recursive: true, force: true })
      mkdirSync(data, { recursive: true })
      writeFileSync(log, '')
      const started = spawn(redisPath as string, argumentsOf(port, data, log, options), {
        stdio: 'ignore',
        env: { ...process.env, ...options.env },
      })
      child = started
      started.on('error', () => {})
      watchOver(started, folder)
      const isThere = await until(`redis-server on port ${port}`, async () => {
        if (!server.isRunning) return 'ended'
        return (await server.send('PING')) === 'PONG' && 'there'
      })
      if (isThere === 'ended') throw new Error(`redis-server has ended at once:\n${readFileSync(log, 'utf8')}`)
    },
    async remove() {
      servers.delete(server)
      await end('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
  servers.add(server)
  return server
}

/** A worker of the test runner that is killed says no goodbye: the end of this pipe ends its servers. */
function watchOver(server: ChildProcess, folder: string): void {
  if (server.pid === undefined) return
  const watcher = spawn('sh', ['-c', 'read -r _; kill -9 "$0"; rm -rf "$1"', `${server.pid}`, folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watcher.on('error', () => {})
  watcher.stdin.on('error', () => {})
  watcher.unref()
  server.once('exit', () => watcher.kill('SIGKILL'))
}

function argumentsOf(
  port: number,
  data: string,
  log: string,
  { appendonly = 'always', save = '', replicaOf, maxmemory, maxmemoryPolicy = 'noeviction', args = [] }: RedisOptions,
): string[] {
  const settings: Readonly<Record<string, string>> = {
    port: `${port}`,
    bind: '127.0.0.1',
    dir: data,
    logfile: log,
    daemonize: 'no',
    appendonly: appendonly === 'off' ? 'no' : 'yes',
    appendfsync: appendonly === 'off' ? 'no' : appendonly,
    save,
    maxmemory: maxmemory ?? '0',
    'maxmemory-policy': maxmemoryPolicy,
    // Replicas are in step within a second, not within ten.
    'repl-diskless-sync-delay': '0',
    'repl-ping-replica-period': '1',
  }
  const replica = replicaOf ? ['--replicaof', '127.0.0.1', `${replicaOf.port}`] : []
  return [...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]), ...replica, ...args]
}

/** Waits until a replica has all that its master has. */
export async function replicated(replica: RedisServer): Promise<void> {
  await until('the replica is in step', async () => {
    const info = String(await replica.send('INFO', 'replication'))
    const masterPort = Number(/master_port:(\d+)/.exec(info)?.[1])
    const own = /slave_repl_offset:(\d+)/.exec(info)?.[1]
    const master = [...servers].find(({ port }) => port === masterPort)
    const sent = /master_repl_offset:(\d+)/.exec(String(await master?.send('INFO', 'replication')))?.[1]
    return info.includes('master_link_status:up') && own === sent
  })
}

export interface FakeClock {
  readonly env: Readonly<Record<string, string>>
  /** How far its clock is off from now on: '-1h', '+2d', '+0'. */
  set(offset: string): void
}

const FAKETIME = ['/usr/lib', '/usr/local/lib', '/usr/lib64']
  .filter((folder) => existsSync(folder))
  .flatMap((folder) => [folder, ...readdirSync(folder).map((name) => join(folder, name))])
  .map((folder) => join(folder, 'faketime', 'libfaketimeMT.so.1'))
  .find((path) => existsSync(path))

/** Whether libfaketime is there (apt-get install faketime), and works: Valkey's jemalloc, a library, asks for the time before there is one. */
export const canFakeTime = FAKETIME !== undefined && !isValkey

/** A clock for a process that goes as a test says; give its `env` to startRedis(). The file is the test's: below a folder that it removes. */
export function fakeClock(folder: string): FakeClock {
  if (!FAKETIME) throw new Error('There is no libfaketime (apt-get install faketime)')
  const file = join(folder, 'faketime')
  writeFileSync(file, '+0\n')
  return {
    // libc's malloc before jemalloc's, which asks for the time before there is one.
    env: {
      LD_PRELOAD: `${FAKETIME} libc.so.6`,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    set: (offset) => writeFileSync(file, `${offset}\n`),
  }
}
