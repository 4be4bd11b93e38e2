import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { freePort } from '../helpers/ports.js'
import { eventually } from './patience.js'

const program = fileURLToPath(new URL('node-child.js', import.meta.url))

export interface NodeOptions {
  /** `redis://...`, or `disk:FOLDER`. */
  readonly store: string
  /** @default 'redis' */
  readonly driver?: 'redis' | 'ioredis' | undefined
  /** The hub's. @default 2000 */
  readonly publishTimeout?: number
  /** The engine's. @default 1000 */
  readonly timeout?: number
  /** Of /live. @default 200 */
  readonly keepAlive?: number
  readonly history?: { readonly size?: number; readonly age?: number; readonly bytes?: number }
  /** Beside this process's own. */
  readonly env?: Readonly<Record<string, string>>
}

/** A process with a hub, on a port that it keeps. */
export interface HubNode {
  readonly url: string
  readonly port: number
  readonly isRunning: boolean
  /** All that it has said on stderr, and what `onError` heard. */
  readonly errors: () => string
  /** `kill -9` */
  kill(): Promise<void>
  /** Again, after kill(), on the same port. */
  start(): Promise<void>
}

/** Starts one and waits until it listens; gone with the test. */
export async function startNode(options: NodeOptions): Promise<HubNode> {
  const { env, driver = 'redis', publishTimeout = 2000, timeout = 1000, keepAlive = 200, history = {} } = options
  const port = await freePort()
  let errors = ''
  let end = async (): Promise<void> => {}
  let isRunning = false

  async function start(): Promise<void> {
    const settings = JSON.stringify({ ...options, env: undefined, driver, publishTimeout, timeout, keepAlive, history, port })
    const child = spawn(process.execPath, [program, settings], { stdio: 'pipe', env: { ...process.env, ...env } })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
    isRunning = true
    const exited = once(child, 'exit').then(() => (isRunning = false))
    const kill = (): boolean => child.kill('SIGKILL')
    process.once('exit', kill)
    end = async () => {
      process.off('exit', kill)
      kill()
      await exited
    }
    await eventually(
      () => {
        if (child.exitCode !== null) throw new Error(`The node has ended: ${errors}`)
        return output.includes('Listening')
      },
      () => `a node that listens; it said ${JSON.stringify(output + errors)}`,
    )
  }

  onTestFinished(() => end())
  await start()
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    get isRunning() {
      return isRunning
    },
    errors: () => errors,
    kill: () => end(),
    start,
  }
}
