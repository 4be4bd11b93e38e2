// oxlint-disable vitest/expect-expect -- a case throws
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { chromiumArgs, chromiumPath, describeInChromium, launchChromium } from '../helpers/chromium.js'
import { openChromium } from '../helpers/tabs.js'
import { until } from '../helpers/until.js'
import type * as client from '../../src/client/index.js'
import type { Seen } from './misbehaving-server.js'
import { startMisbehaving, type Misbehaving } from './misbehaving-server.js'
import { casesOf } from './runner.js'

type InPage = Window &
  typeof globalThis & {
    names: () => string[]
    run: (name: string) => Promise<void>
    client: typeof client
    got: unknown[]
  }

describeInChromium('the client in Chromium', () => {
  let browser: Browser
  let server: Misbehaving
  let shared: Page

  beforeAll(async () => {
    const code = await bundled('test/client/page.ts')
    server = await startMisbehaving(() => code)
    browser = await launchChromium()
    shared = await open(await browser.newContext())
  }, 300_000)
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  // In one page, because each closes what it has opened.
  test.each(casesOf('chromium').map(({ name }) => name))('%s', async (name) => {
    await shared.evaluate((name) => (window as unknown as InPage).run(name), name)
  })

  async function open(context: BrowserContext): Promise<Page> {
    const page = await context.newPage()
    await page.goto(`${server.url}/page?other=${encodeURIComponent(server.other)}`)
    return page
  }

  async function seenOf(key: string): Promise<Seen[]> {
    return (await fetch(`${server.url}/seen?key=${key}`)).json() as Promise<Seen[]>
  }

  const steps = encodeURIComponent(
    JSON.stringify([{ body: 'retry: 30000\nid: 1\ndata: 1\n\n' }, { body: 'id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n' }]),
  )

  test('connect with pauseWhenHidden lets go when its tab goes to the background, and resumes when it is back; without it, it stays', async () => {
    // Playwright would tell every page that it is seen.
    const window = await openChromium()
    try {
      const [key, staying] = [`hidden-${Date.now()}`, `staying-${Date.now()}`]
      const tab = await window.open(`${server.url}/page`)
      await tab.see('Boolean(window.client)')
      await tab.see(`(() => {
        window.got = []
        const stream = client.connect('/script?key=${key}&steps=${steps}', { pauseWhenHidden: true, onReconnect: ({ delay }) => got.push(delay) })
        void (async () => { for await (const item of stream) got.push(item.data) })()
        void client.connect('/script?key=${staying}&steps=${steps}')[Symbol.asyncIterator]().next()
        return true
      })()`)
      await tab.see('got.length === 1')
      const front = await window.open(`${server.url}/page`)
      await front.activate()
      await tab.see("document.visibilityState === 'hidden'")
      await until('the end of the connection', async () => (await seenOf(key))[0]?.gone)
      await new Promise((resolve) => setTimeout(resolve, 300))
      expect(await seenOf(key)).toHaveLength(1)
      expect(await seenOf(staying)).toMatchObject([{ headers: {} }])
      expect((await seenOf(staying))[0]?.gone).toBeUndefined()
      await tab.activate()
      await tab.see('got.length === 3')
      expect(await tab.see('got')).toEqual(['1', 0, '2'])
      expect((await seenOf(key))[1]?.headers['last-event-id']).toBe('1')
    } finally {
      await window.close()
    }
  })

  test.each(['connect', 'EventSource'] as const)(
    '%s lets go in the back-forward cache, and comes back with the page, at once',
    async (name) => {
      // Playwright switches the cache off.
      const own = await chromium.launch({
        executablePath: chromiumPath as string,
        args: chromiumArgs,
        ignoreDefaultArgs: ['--disable-back-forward-cache'],
      })
      try {
        const page = await open(await own.newContext())
        const key = `bfcache-${name}-${Date.now()}`
        await page.evaluate(
          ([url, name]) => {
            const { client, got } = Object.assign(window as unknown as InPage, { got: [] as unknown[] })
            addEventListener('pageshow', ({ persisted }) => persisted && got.push('restored'))
            if (name === 'EventSource') new client.EventSource(url as string).addEventListener('message', ({ data }) => got.push(data))
            else {
              void (async () => {
                for await (const { data } of client.connect(url as string)) got.push(data)
              })()
            }
          },
          [`/script?key=${key}&steps=${steps}`, name],
        )
        const got = (): Promise<unknown[]> => page.evaluate(() => (window as unknown as InPage).got)
        await until('the first item', async () => (await got()).length === 1)
        // Away by a click, as people go: only such a page is kept.
        await page.evaluate(() => (location.href = '/page?away'))
        await page.waitForURL('**/page?away')
        await until('the end of the connection', async () => (await seenOf(key))[0]?.gone)
        await page.evaluate(() => history.back())
        await until('the second item', async () => (await got()).includes('2'))
        // The page was not loaded anew: it still has what it got before, and its `retry: 30000` was not waited for.
        expect(await got()).toEqual(name === 'connect' ? ['1', 'restored', '2'] : ['1', 'restored', '1', '2'])
        expect((await seenOf(key)).map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '1'])
      } finally {
        await own.close()
      }
    },
  )
})

async function bundled(entry: string): Promise<string> {
  const options = {
    logLevel: 'silent',
    configFile: false,
    build: { lib: { entry, formats: ['iife'], name: 'page' }, write: false, minify: false, target: 'es2022' },
  } as const
  const [{ output }] = (await build(options as never)) as unknown as [{ output: { code: string }[] }]
  return output[0]?.code ?? ''
}
