import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeInChromium, launchChromium } from '../helpers/chromium.js'
import { startDemo, type Demo } from '../helpers/demo.js'
import { button, holes, noted, rowsOf, stateOf } from '../helpers/page.js'
import { freePort } from '../helpers/ports.js'
import { until } from '../helpers/until.js'

describeInChromium('the heart-rate page, when connections end', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  test.concurrent('stopped and started again, /sse-item brings what was missed', async () => {
    const demo = await startDemo()
    try {
      const page = await openPage(demo)
      const card = cardOf(page, 'SseItem')
      await button(card, 'Start').click()
      await until('a reading', async () => (await rowsOf(card)).length > 0)
      await button(card, 'Stop').click()
      const before = (await rowsOf(card)).length
      await page.waitForTimeout(4_500)
      await button(card, 'Start').click()
      await until('what was missed', async () => (await rowsOf(card)).length >= before + 2)
      expect(await holes(card)).toEqual([])
      expect(await card.locator('.raw').textContent()).toMatch(/> GET \/sse-item\n> Last-Event-ID: \d+\n< 200 text\/event-stream\n/)
    } finally {
      await demo.stop()
    }
  })

  test.concurrent('a server that is killed is shown; by waiting or by Reconnect now the page recovers, and misses no reading', async () => {
    const restarting = await startDemo(await freePort())
    let restarted: Demo | undefined
    try {
      const page = await openPage(restarting)
      const [strings, items] = [cardOf(page, 'String'), cardOf(page, 'SseItem')]
      for (const card of [strings, items]) await button(card, 'Start').click()
      await until('both live with readings', async () => (await rowsOf(strings)).length > 0 && (await rowsOf(items)).length > 0)
      const said = await noted(page.locator('#status'))
      await restarting.stop('SIGKILL')

      // The default of three seconds, and the minute that `retry` has told.
      await until('the short countdown', async () => /^Reconnecting in [123] s$/.test(await stateOf(strings)))
      await until('the long countdown', async () => /^Reconnecting in (60|5\d) s$/.test(await stateOf(items)))
      const first = await stateOf(items)
      await until('it counts down', async () => (await stateOf(items)) !== first)
      await until('it is said', async () => (await said()).some((text) => /SseItem: connection lost, reconnecting in \d+ s\./.test(text)))
      // Nobody there: it waits once more.
      await until('a new countdown', async () => /^Reconnecting in 1 s$/.test(await stateOf(strings)))
      await until('a new countdown', async () => /^Reconnecting in 3 s$/.test(await stateOf(strings)))

      restarted = await startDemo(restarting.port)
      await until('recovered by waiting', async () => (await stateOf(strings)) === 'Live')
      expect(await stateOf(items)).toMatch(/^Reconnecting in \d+ s$/)
      const before = (await rowsOf(items)).length
      await button(items, 'Reconnect now').click()
      await until('recovered by Reconnect now', async () => (await stateOf(items)) === 'Live')
      await until('what was missed', async () => (await rowsOf(items)).length > before + 2)
      expect(await holes(items)).toEqual([])
      expect(await button(items, 'Reconnect now').count()).toBe(0)
      expect(await restarted.streams('/sse-item')).toBe(1)
    } finally {
      await Promise.all([restarting.stop('SIGKILL'), restarted?.stop()])
    }
  })

  test.concurrent('connect() waits longer and longer while the server is away, shows it, and misses no reading', async () => {
    const restarting = await startDemo(await freePort())
    let restarted: Demo | undefined
    try {
      const page = await openPage(restarting)
      const card = cardOf(page, 'Client')
      const waits = async (): Promise<string> => (await card.locator('.waits').textContent()) ?? ''
      await button(card, 'Start').click()
      await until('a reading', async () => (await rowsOf(card)).length > 0)
      expect((await rowsOf(card))[0]?.[3]).toMatch(/^\{"rate":\d\d,"ward":"7"\}$/)
      expect(await waits()).toBe('No waits: it is connected.')

      await restarting.stop('SIGKILL')
      await until('two waits', async () => /^Waits: \d+\.\d s, \d+\.\d s/.test(await waits()))
      const before = (await rowsOf(card)).length
      restarted = await startDemo(restarting.port)
      await until('recovered by itself', async () => (await stateOf(card)) === 'Live', 60_000)
      expect(await waits()).toBe('No waits: it is connected.')
      await until('what was missed', async () => (await rowsOf(card)).length > before + 1)
      expect(await holes(card)).toEqual([])
      expect(await card.locator('.raw').textContent()).toMatch(
        /> GET \/ward\n> X-Ward: 7\n> Last-Event-ID: \d+\n< 200 text\/event-stream\n/,
      )
      expect(await restarted.streams('/ward')).toBe(1)
      await button(card, 'Stop').click()
      await until('the server to see it leave', async () => (await restarted?.streams('/ward')) === 0)
    } finally {
      await Promise.all([restarting.stop('SIGKILL'), restarted?.stop()])
    }
  })

  async function openPage({ url }: Demo): Promise<Page> {
    const page = await browser.newPage()
    await page.goto(url)
    return page
  }
})

function cardOf(page: Page, title: string): Locator {
  return page.getByRole('article', { name: title, exact: true })
}
