import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Window } from './tabs.js'
import { until } from './until.js'

const PLACES = [process.env['FIREFOX'], '/usr/bin/firefox-esr', '/usr/bin/firefox', '/Applications/Firefox.app/Contents/MacOS/firefox']

/** Where Firefox is on this system, if it is. Tests in it are a second opinion: CI does without. */
export const firefoxPath = PLACES.find((path) => path && existsSync(path))
if (!firefoxPath)
  console.warn('NO FIREFOX FOUND, LEFT OUT: the same tests in Firefox. Install it (apt-get install firefox-esr) or set FIREFOX to its path')

const PREFERENCES = {
  'marionette.port': 0,
  'app.update.disabledForTesting': true,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'toolkit.telemetry.server': '',
}

/** A window of Firefox, spoken to by its own protocol: https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html. */
export async function openFirefox(): Promise<Window> {
  const profile = mkdtempSync(join(tmpdir(), 'server-sent-firefox-'))
  const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
  writeFileSync(join(profile, 'user.js'), lines.join(''))
  const child = spawn(firefoxPath as string, ['--headless', '--no-remote', '--marionette', '--profile', profile], {
    stdio: 'ignore',
    // It must not touch the home of whoever runs the tests.
    env: { ...process.env, HOME: profile },
  })
  const kill = (): boolean => child.kill('SIGKILL')
  process.once('exit', kill)
  const port = await until('Firefox listens', () => Number(readFileSync(join(profile, 'MarionetteActivePort'), 'utf8')), 30_000)
  const socket = connect(port, '127.0.0.1')
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  let sent = 0
  let received = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk])
    for (;;) {
      // A message is its length in bytes, a colon, and JSON.
      const colon = received.indexOf(':')
      const end = colon + 1 + Number(received.subarray(0, Math.max(colon, 0)))
      if (colon === -1 || received.length < end) return
      const message = JSON.parse(received.toString('utf8', colon + 1, end)) as unknown
      received = received.subarray(end)
      // The first one is a greeting.
      if (!Array.isArray(message)) continue
      const [, id, error, result] = message as [number, number, { message: string } | null, unknown]
      const { resolve, reject } = waiting.get(id) as NonNullable<ReturnType<typeof waiting.get>>
      waiting.delete(id)
      if (error) reject(new Error(error.message))
      else resolve(result)
    }
  })

  function send(command: string, parameters: object = {}): Promise<unknown> {
    const text = JSON.stringify([0, ++sent, command, parameters])
    socket.write(`${Buffer.byteLength(text)}:${text}`)
    return new Promise((resolve, reject) => waiting.set(sent, { resolve, reject }))
  }

  // It looks at one tab at a time.
  let turn: Promise<unknown> = Promise.resolve()
  function inTab<T>(handle: string, focus: boolean, run: () => Promise<T>): Promise<T> {
    const result = turn.then(() => send('WebDriver:SwitchToWindow', { handle, focus })).then(run)
    turn = result.catch(() => {})
    return result
  }

  await send('WebDriver:NewSession', { capabilities: { alwaysMatch: { pageLoadStrategy: 'none' } } })
  return {
    async open(url) {
      const { handle } = (await send('WebDriver:NewWindow', { type: 'tab', focus: true })) as { handle: string }
      await inTab(handle, true, () => send('WebDriver:Navigate', { url }))
      return {
        id: handle,
        see: <T>(expression: string, within?: number) =>
          until(
            expression,
            () =>
              inTab(handle, false, async () => {
                const { value } = (await send('WebDriver:ExecuteScript', { script: `return ${expression}`, args: [] })) as { value: T }
                return value
              }),
            within,
          ) as Promise<T>,
        activate: () => inTab(handle, true, async () => {}),
      }
    },
    async close() {
      const closed = once(child, 'close')
      await send('Marionette:Quit', { flags: ['eForceQuit'] }).catch(() => {})
      setTimeout(kill, 3_000).unref()
      await closed
      socket.destroy()
      process.off('exit', kill)
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
