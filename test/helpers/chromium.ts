import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'
import { describe } from 'vitest'

const PLACES = [
  process.env['CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
]

/** Where the browser is that this system has; none where it has none. */
export const chromiumPath = PLACES.find((path) => path && existsSync(path))

/** No telemetry, no updates: it talks to the tests alone. */
export const chromiumArgs = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** `describe` for tests in Chromium. Without one they are left out, loudly; in CI that is an error. */
export function describeInChromium(name: string, tests: () => void): void {
  if (chromiumPath) return void describe(name, tests)
  const words = `NO CHROMIUM FOUND, LEFT OUT: all tests of "${name}". Install it (apt-get install chromium) or set CHROMIUM to its path`
  if (process.env['CI'] === 'true') throw new Error(words)
  console.warn(words)
  describe.skip(name, tests)
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath as string, args: chromiumArgs, timeout: 100_000 })
}
