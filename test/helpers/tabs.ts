import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { chromiumArgs, chromiumPath } from './chromium.js'
import { until } from './until.js'

interface Tab {
  readonly id: string
  /** The value of an expression in the page, once it is truthy. */
  see<T>(expression: string, within?: number): Promise<T>
  /** Brings it to the front, as a click on its tab does: the one that was there is then hidden. */
  activate(): Promise<void>
}

export interface Window {
  open(url: string): Promise<Tab>
  close(): Promise<void>
}

type Result = Record<string, unknown>

/**
 * One window of Chromium with tabs, of which only one is visible. Playwright would tell every page that it is the visible one, so this
 * speaks the browser's own protocol over a pipe.
 */
export async function openChromium(): Promise<Window> {
  const profile = mkdtempSync(join(tmpdir(), 'server-sent-tabs-'))
  const child = spawn(chromiumPath as string, [...chromiumArgs, '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  })
  const kill = (): boolean => child.kill('SIGKILL')
  process.once('exit', kill)
  const [commands, answers] = [child.stdio[3] as Writable, child.stdio[4] as Readable]
  const waiting = new Map<number, { resolve: (result: Result) => void; reject: (error: Error) => void }>()
  let sent = 0
  let text = ''
  answers.setEncoding('utf8').on('data', (chunk: string) => {
    const messages = (text + chunk).split('\0')
    text = messages.pop() as string
    for (const message of messages) {
      const { id, result, error } = JSON.parse(message) as { id?: number; result: Result; error?: { message: string } }
      if (id === undefined) continue
      const { resolve, reject } = waiting.get(id) as NonNullable<ReturnType<typeof waiting.get>>
      waiting.delete(id)
      if (error) reject(new Error(error.message))
      else resolve(result)
    }
  })

  function send(method: string, params: Result, sessionId?: string): Promise<Result> {
    return new Promise((resolve, reject) => {
      waiting.set(++sent, { resolve, reject })
      commands.write(`${JSON.stringify({ id: sent, method, params, sessionId })}\0`)
    })
  }

  return {
    async open(url) {
      const { targetId } = await send('Target.createTarget', { url })
      const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true })
      return {
        id: targetId as string,
        see: <T>(expression: string, within?: number) =>
          until(
            expression,
            async () => {
              const { result } = await send('Runtime.evaluate', { expression, returnByValue: true }, sessionId as string)
              return (result as { value?: T }).value
            },
            within,
          ) as Promise<T>,
        activate: async () => void (await send('Target.activateTarget', { targetId })),
      }
    },
    async close() {
      const closed = once(child, 'close')
      await send('Browser.close', {})
      await closed
      process.off('exit', kill)
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
