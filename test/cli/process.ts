import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { when } from '../helpers/servers.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface Running {
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  /** Waits until it has printed something; fails when it ends before. */
  printed(text: string | RegExp): Promise<void>
  type(text: string): void
  signal(name: NodeJS.Signals): void
  /** Its exit code; -1 when a signal ended it. */
  readonly ended: Promise<number>
}

export type Server = Running & { readonly url: string }

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Starts a program, by default the built command line; it is gone with the test. */
export function start(args: readonly string[], { command = process.execPath, cwd = process.cwd(), env = {} } = {}): Running {
  const child = spawn(command, command === process.execPath ? [main, ...args] : args, {
    cwd,
    stdio: 'pipe',
    env: { ...process.env, ...env },
  })
  const kill = (): boolean => child.kill('SIGKILL')
  process.once('exit', kill)
  let [out, err] = ['', '']
  let code: number | undefined
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  child.stdin.on('error', () => {})
  const ended = once(child, 'close').then(([status]) => (code = (status as number | null) ?? -1))
  onTestFinished(async () => {
    process.off('exit', kill)
    kill()
    await ended
  })
  const said = (): string => `${JSON.stringify(out)} and on stderr ${JSON.stringify(err)}, exit code ${code}`
  return {
    pid: child.pid as number,
    stdout: () => out,
    stderr: () => err,
    printed: (text) =>
      when(
        () => {
          const is = typeof text === 'string' ? (out + err).includes(text) : text.test(out + err)
          if (!is && code !== undefined) throw new Error(`It ended without printing ${String(text)}: ${said()}`)
          return is
        },
        () => `${String(text)} in ${said()}`,
        60_000,
      ),
    type: (text) => void child.stdin.end(text),
    signal: (name) => void child.kill(name),
    ended,
  }
}

/** Runs the built command line to its end. */
export async function runToEnd(args: readonly string[], input = ''): Promise<Ended> {
  const child = start(args)
  child.type(input)
  const code = await child.ended
  return { code, stdout: child.stdout(), stderr: child.stderr() }
}

/** A standalone server on a port of its own; with `--port` on that. */
export function startServer(...flags: readonly string[]): Promise<Server> {
  return startServerWith({}, ...flags)
}

/** The same with variables of its environment. */
export async function startServerWith(env: Readonly<Record<string, string>>, ...flags: readonly string[]): Promise<Server> {
  const child = start(['serve', ...(flags.includes('--port') ? [] : ['--port', '0']), ...flags], { env })
  await child.printed(/Listening on \S+\n/)
  return { ...child, url: /Listening on (\S+)/.exec(child.stdout())?.[1] as string }
}
