import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { describeInChromium, launchChromium } from '../helpers/chromium.js'
import { startDemo, type Demo } from '../helpers/demo.js'
import { button, drawn, noted, rowsOf, stateOf } from '../helpers/page.js'
import { until } from '../helpers/until.js'

describeInChromium('the heart-rate page', () => {
  let browser: Browser
  let demo: Demo
  let page: Page
  let problems: string[]

  beforeAll(async () => {
    ;[browser, demo] = await Promise.all([launchChromium(), startDemo()])
  })
  afterAll(() => Promise.all([browser?.close(), demo?.stop()]))

  beforeEach(async () => {
    problems = []
    page = await browser.newPage()
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('console', (message) => /Content Security Policy|Refused/.test(message.text()) && problems.push(message.text()))
    await page.goto(demo.url)
  })
  afterEach(async () => {
    await page.context().close()
    if (problems.length > 0) throw new Error(problems.join('\n'))
  })

  test('each card starts, shows what arrives, and closes its connection when it is stopped', async () => {
    const cards: [title: string, path: string, data: RegExp, wire: RegExp][] = [
      ['String', '/string-item', /^Heart Rate: \d\d bpm$/, /event: heartRate\ndata: Heart Rate: \d\d bpm\n\n/],
      ['JSON', '/json-item', /^\{"rate":\d\d,/, /event: heartRate\ndata: \{"rate":\d\d,"timestamp":".*"\}\n\n/],
      ['SseItem', '/sse-item', /^\d\d$/, /event: heartRate\ndata: \d\d\nid: \d+\nretry: 60000\n\n/],
      ['Several events', '/vitals', /^(\d\d|\{.*\})$/, /retry: 5000\n\nevent: heartRate\ndata: \d\d\n\nevent: alarm\n/],
    ]
    // One mouse: clicks come one after the other.
    for (const [title] of cards) {
      expect(await stateOf(cardOf(title))).toBe('Stopped')
      await button(cardOf(title), 'Start').click()
    }
    await Promise.all(
      cards.map(async ([title, path, data, wire]) => {
        const card = cardOf(title)
        await until('values have arrived', async () => /^[6-9]\d$/.test((await card.locator('.rate').textContent()) ?? ''))
        expect(await stateOf(card)).toBe('Live')
        expect(await demo.streams(path)).toBe(1)

        const id = expect.stringMatching(path === '/sse-item' ? /^\d+$/ : /^–$/) as string
        const row = [
          expect.stringMatching(/^\d\d:\d\d:\d\d$/) as string,
          expect.any(String) as string,
          id,
          expect.stringMatching(data) as string,
        ]
        expect((await rowsOf(card))[0]).toEqual(row)
        await until('it is on the wire', async () => wire.test((await card.locator('.raw').textContent()) ?? ''))
        expect(await card.locator('.curl').textContent()).toBe(`curl -N ${demo.url}${path}`)
        await until('it is drawn', () => drawn(card))
      }),
    )
    for (const [title, path] of cards) {
      await button(cardOf(title), 'Stop').click()
      await until('the connection is closed on the server', async () => (await demo.streams(path)) === 0)
      expect(await stateOf(cardOf(title))).toBe('Stopped')
    }
  })

  test('starting twice never opens two connections', async () => {
    const card = cardOf('String')
    await button(card, 'Start').dblclick()
    await button(card, 'Start').press('Enter')
    await page.locator('#start-all').click()
    await page.locator('#start-all').click()
    await until('all are live', async () => (await page.locator('.state').allTextContents()).every((state) => state === 'Live'))
    for (const path of ['/string-item', '/json-item', '/sse-item', '/vitals']) expect(await demo.streams(path)).toBe(1)
    await page.locator('#stop-all').click()
    for (const path of ['/string-item', '/json-item', '/sse-item', '/vitals']) {
      await until('the connection is closed on the server', async () => (await demo.streams(path)) === 0)
    }
  })

  test('an answer that is no event stream is final, and said', async () => {
    await page.route('**/string-item', (route) => route.fulfill({ status: 500, contentType: 'text/plain', body: 'no' }))
    const card = cardOf('String')
    await button(card, 'Start').click()
    await until('it failed', async () => (await stateOf(card)) === 'Failed: the server has answered 500 (text/plain)')
    await page.unroute('**/string-item')
    await button(card, 'Start').click()
    await until('it is live', async () => (await stateOf(card)) === 'Live')
    expect(await demo.streams('/string-item')).toBe(1)
  })

  test('events are filtered by the page or by the server, and the bytes are counted', async () => {
    const card = cardOf('Several events')
    await card.getByLabel('heartRate').uncheck()
    await button(card, 'Start').click()
    await until('bytes were thrown away', async () =>
      /\d+ B received · [1-9]\d* B thrown away by this page \(\d+ %\)/.test(await trafficOf(card)),
    )
    await until('alarm and battery', async () => (await rowsOf(card)).length >= 2)
    expect((await rowsOf(card)).map(([, event]) => event)).not.toContain('heartRate')
    expect(await card.locator('.raw').textContent()).toContain('event: heartRate')

    await card.getByRole('switch').check()
    await until('bytes were left out', async () =>
      /\d+ B received · [1-9]\d* B left out by the server \(\d+ %\)/.test(await trafficOf(card)),
    )
    expect(await card.locator('.curl').textContent()).toBe(`curl -N '${demo.url}/vitals?events=alarm,battery'`)
    expect((await card.locator('.raw').textContent())?.split('> GET /vitals?events=alarm,battery\n')[1]).not.toContain('heartRate')
    expect(await demo.streams('/vitals')).toBe(1)
  })

  test('the first load is below 100 kB, and everything comes from here', async () => {
    for (const path of ['/', '/patterns']) {
      const fresh = await browser.newPage()
      const loaded: { url: string; size: number }[] = []
      // Streams have no length: they are no part of loading.
      fresh.on('response', (response) => loaded.push({ url: response.url(), size: Number(response.headers()['content-length'] ?? 0) }))
      await fresh.goto(demo.url + path)
      expect(loaded.length).toBeGreaterThanOrEqual(3)
      expect(loaded.filter(({ url }) => !url.startsWith(demo.url))).toEqual([])
      expect(loaded.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(100_000)
      expect(loaded.reduce((sum, { size }) => sum + size, 0)).toBeGreaterThan(5_000)
      await fresh.context().close()
    }
  })

  test.each(['/', '/patterns'])('nothing on %s is wider than a phone', async (path) => {
    const phone = await browser.newPage({ viewport: { width: 360, height: 740 }, colorScheme: 'dark', reducedMotion: 'reduce' })
    await phone.goto(demo.url + path)
    await phone.evaluate(() => document.querySelectorAll('details').forEach((each) => (each.open = true)))
    expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
    await phone.context().close()
  })

  test('keys are enough', async () => {
    const card = cardOf('String')
    await button(card, 'Start').focus()
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    await until('it is live', async () => (await stateOf(card)) === 'Live')
    await page.keyboard.press('Space')
    expect(await stateOf(card)).toBe('Stopped')
    await until('it is announced', async () => (await page.locator('#status').textContent()) === 'String: stopped.')
  })

  test('the patterns work: progress, log, notifications, presence, dashboard', async () => {
    await page.goto(`${demo.url}/patterns`)
    const live = page.locator('[data-state=live]')
    await until('four are live', async () => (await live.count()) === 4)

    const progress = page.locator('#progress')
    const facts = await noted(progress.locator('.fact'))
    // It takes a few seconds: where it was done before we saw it, it is begun again.
    await until('some percent, and it is cancelled', async () => {
      const known = (await facts()).length
      await button(progress, 'Hash 1 GiB').click()
      await until('some percent', async () => (await facts()).slice(known).some((text) => /^[1-9]\d* % · .*\/s · \d+ s left$/.test(text)))
      await button(progress, 'Cancel').dispatchEvent('click')
      await until('it has ended', async () => /^(Cancelled|Done)$/.test((await progress.locator('.state').textContent()) ?? ''))
      return (await progress.locator('.state').textContent()) === 'Cancelled'
    })
    await until('the log tells that the work was cancelled', async () =>
      /hashing: cancelled at \d+ %/.test((await page.locator('.tail').textContent()) ?? ''),
    )

    const notification = page.getByLabel('Notification', { exact: true })
    await notification.fill('<b>Backup</b> finished')
    await notification.press('Enter')
    await until('it is in the feed', async () =>
      ((await page.locator('.feed li').first().textContent()) ?? '').endsWith('<b>Backup</b> finished'),
    )

    const other = await browser.newPage()
    await other.goto(`${demo.url}/patterns`)
    await until('both are here', async () => (await page.locator('.people li').count()) === 2)
    expect(await page.locator('.people .you').count()).toBe(1)
    const name = (await page.locator('.people .you').textContent())?.replace(' (you)', '') as string
    await until('the other one sees it', async () => ((await other.locator('.people').textContent()) ?? '').includes(name))
    await other.context().close()
    await until('one has left', async () => (await page.locator('.people li').count()) === 1)

    await until('the dashboard shows numbers', async () => {
      const numbers = await page.locator('[data-gauge]').allTextContents()
      return /^\d+\.\d % \d+ MB \d+\.\d ms$/.test(numbers.join(' '))
    })
  })

  function cardOf(title: string): Locator {
    return page.getByRole('article', { name: title, exact: true })
  }
})

async function trafficOf(card: Locator): Promise<string> {
  return (await card.locator('.traffic').textContent()) ?? ''
}
