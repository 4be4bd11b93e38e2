import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Demo {
  readonly url: string
  readonly port: number
  /** How many streams of a path are open on the server. */
  streams(path: string): Promise<number>
  /** What it has said, when it has ended. */
  readonly ended: Promise<Ended>
  /** Resolves with the exit code. Safe to call twice. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const start = fileURLToPath(new URL('../../scripts/start.mjs', import.meta.url))

/**
 * The demo as `npm start` runs it, in a process of its own; on a free port unless one is named (freePort(), when it is to be started there
 * again). Its data go with it, unless DATA_DIR is given.
 */
export async function startDemo(port = 0, env: Readonly<Record<string, string>> = {}): Promise<Demo> {
  const { child, ended, printed } = run(String(port), env)
  const [url] = await printed(/http:\/\/localhost:\d+/)
  return {
    url,
    port: Number(new URL(url).port),
    ended,
    async streams(path) {
      const { streams } = (await (await fetch(`${url}/status`)).json()) as { streams: Record<string, number> }
      return streams[path] ?? 0
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      return (await ended).code
    },
  }
}

/** Runs the demo to its own end, as when it can't start. */
export function runDemo(port: string): Promise<Ended> {
  return run(port).ended
}

function run(port: string, env: Readonly<Record<string, string>> = {}) {
  // Of its own, because one that is killed can't clean up.
  const temp = mkdtempSync(join(tmpdir(), 'server-sent-test-demo-'))
  const child = spawn(process.execPath, [start], {
    env: {
      ...process.env,
      DATABASE_URL: '',
      DATA_DIR: join(temp, 'data'),
      // A slow machine makes its database slowly: who asks meanwhile waits.
      STORE_PATIENCE_MS: '110000',
      PORT: port,
      TMPDIR: temp,
      TEMP: temp,
      TMP: temp,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (chunk: string) => (text[name] += chunk))
  const kill = (): boolean => child.kill('SIGKILL')
  process.once('exit', kill)
  const ended = once(child, 'close').then(([code]): Ended => {
    process.off('exit', kill)
    rmSync(temp, { recursive: true, force: true, maxRetries: 3 })
    return { code: code as number | null, ...text }
  })
  const printed = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(text.stdout)
        if (match) resolve(match)
      }
      child.stdout.on('data', look)
      void ended.then(({ code, stdout, stderr }) => reject(new Error(`The demo has ended with ${code}: ${stdout}${stderr}`)))
    })
  return { child, ended, printed }
}
