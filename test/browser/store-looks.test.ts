import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { describeInChromium, launchChromium } from '../helpers/chromium.js'
import { faintTexts } from '../helpers/contrast.js'
import { startDemo, type Demo } from '../helpers/demo.js'
import { isLive, liveWords, openPage, productsOf, signIn } from '../helpers/store-page.js'
import { until } from '../helpers/until.js'

const PATHS = ['/store', '/store?q=zeppelin', '/store/orders', '/store/sale'] as const
const PHONE = { width: 360, height: 740 }

describeInChromium('the looks of the store', () => {
  let browser: Browser
  let demo: Demo
  let problems: string[]

  beforeAll(async () => {
    ;[browser, demo] = await Promise.all([launchChromium(), startDemo(0, { STORE_SALE_LEAD_MS: '1000' })])
    await productsOf(demo.url)
  }, 120_000)
  afterAll(() => Promise.all([browser?.close(), demo?.stop()]))

  beforeEach(() => {
    problems = []
  })
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
    if (problems.length > 0) throw new Error(problems.join('\n'))
  })

  async function see(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await openPage(browser, demo.url + path, problems, options)
    await until('it is there', async () => (await liveWords(page)) !== 'Connecting', 30_000)
    return page
  }

  describe.each(['light', 'dark'] as const)('in the %s', (colorScheme) => {
    const clear = async (page: Page, least: number): Promise<boolean> => {
      const { measured, faint } = await faintTexts(page)
      expect(faint).toEqual([])
      return measured > least
    }

    test.each(PATHS)('every text of %s can be read', async (path) => {
      const page = await see(path, { colorScheme, reducedMotion: 'reduce' })
      await page.evaluate(() => document.querySelectorAll('details').forEach((each) => (each.open = true)))
      expect(await clear(page, 30)).toBe(true)
    })

    test('so can what comes and goes: messages, what is sold out, a lost connection, orders, a sale', async () => {
      const page = await see('/store', { colorScheme, reducedMotion: 'reduce' })
      await page.route('**/store/events*', (route) => route.abort())
      const json = { code: 'SOLD_OUT', message: 'Sorry, it has just gone', stock: 0, version: 1e6 }
      await page.route('**/store/purchases', (route) => route.fulfill({ status: 409, json }))
      await page.locator('.buy[data-state=idle]').first().click()
      await page.locator('.toast[data-kind=bad]').waitFor()
      await page.getByRole('link', { name: /^Kitchen/ }).click()
      await until('it is lost', async () => (await liveWords(page)).startsWith('Reconnecting'))
      expect(await clear(page, 100)).toBe(true)

      const orders = await see('/store/orders', { colorScheme, reducedMotion: 'reduce' })
      await signIn(orders)
      const { csrf } = (await (await orders.request.get(`${demo.url}/store/session`)).json()) as { csrf: string }
      const data = { sku: 'HOM-001', quantity: 1, key: crypto.randomUUID() }
      await orders.request.post(`${demo.url}/store/purchases`, { data, headers: { 'x-csrf': csrf } })
      await orders.locator('.order[data-order]').first().waitFor()
      expect(await clear(orders, 20)).toBe(true)

      const sale = await see('/store/sale', { colorScheme, reducedMotion: 'reduce' })
      await sale.getByRole('button', { name: 'Put everything back' }).click()
      await sale.getByLabel('None').check()
      await sale.getByRole('button', { name: 'Start the sale' }).click()
      await sale.locator('main[data-sale=running]').waitFor({ timeout: 30_000 })
      await sale.locator('#notices li').first().waitFor()
      expect(await clear(sale, 20)).toBe(true)
    }, 90_000)
  })

  test.each(PATHS)('with text twice as large nothing of %s is wider than a phone, and no text is cut off', async (path) => {
    const page = await (await browser.newContext({ viewport: PHONE })).newPage()
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('Page.setFontSizes', { fontSizes: { standard: 32, fixed: 26 } })
    await page.goto(demo.url + path)
    await until('it is there', async () => (await liveWords(page)) !== 'Connecting', 30_000)
    expect(await page.evaluate(() => getComputedStyle(document.body).fontSize)).toBe('30px')
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width)
    expect(await cutOff(page)).toEqual([])
  })

  test.each(['/store', '/store/sale', '/store/orders'])('while %s loads, next to nothing on it moves', async (path) => {
    for (const viewport of [PHONE, { width: 1440, height: 950 }]) {
      const page = await (await browser.newContext({ viewport })).newPage()
      // Slow enough that all of its states are seen.
      await page.route(/\/store\/(products|session|sale\/state)$/, async (route) => {
        await new Promise((resolve) => setTimeout(resolve, 1_500))
        await route.continue()
      })
      await page.addInitScript(() => {
        const shifts: number[] = []
        Object.assign(window, { shifts })
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) shifts.push((entry as PerformanceEntry & { value: number }).value)
        }).observe({ type: 'layout-shift', buffered: true })
      })
      await page.goto(demo.url + path)
      await page.locator('#setup:visible').waitFor()
      await until('it is there', async () => (await liveWords(page)) !== 'Connecting', 30_000)
      await page.waitForTimeout(300)
      const shifts = await page.evaluate(() => (window as unknown as { shifts: number[] }).shifts)
      // A cumulative layout shift of 0.1 counts as good.
      expect(shifts.reduce((sum, value) => sum + value, 0)).toBeLessThan(0.1)
    }
  })

  test('a long word that nobody sells, and a long name, fit on a phone', async () => {
    const page = await see(`/store?q=${'x'.repeat(100)}`, { viewport: PHONE })
    await page.evaluate((name) => (document.querySelector('#customer')!.textContent = name), `, ${'Wilhelmina'.repeat(4)}`)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width)
  })

  test('a price that falls moves no card', async () => {
    for (const viewport of [PHONE, { width: 1440, height: 950 }]) {
      const page = await see('/store?category=audio', { viewport })
      await isLive(page)
      const card = page.locator('#products .product').first()
      const heightOf = (): Promise<number> => card.evaluate((element) => element.getBoundingClientRect().height)
      const before = await heightOf()
      await card.evaluate((element) => {
        element.querySelector('.price')!.textContent = '€79.00'
        element.querySelector('.was')!.textContent = '€199.00'
      })
      expect(await card.locator('.was').isVisible()).toBe(true)
      expect(await heightOf()).toBe(before)
    }
  })

  test('with colours that somebody has chosen, what is current and how much is left can still be seen', async () => {
    const page = await see('/store/sale', { forcedColors: 'active' })
    const styleOf = (selector: string, property: string): Promise<string> =>
      page.locator(selector).evaluate((element, property) => getComputedStyle(element).getPropertyValue(property), property)
    expect(await styleOf('.masthead nav [aria-current=page]', 'outline-style')).toBe('solid')
    expect(await styleOf('#bar i', 'background-color')).not.toBe(await styleOf('.offer', 'background-color'))
    expect(await styleOf('#bar i', 'forced-color-adjust')).toBe('none')
  })
})

/** Texts that don't fit into what they are in. What can be scrolled sideways is not cut off. */
function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    Array.from(document.querySelectorAll<HTMLElement>('main *, header *'))
      .filter((element) => element.checkVisibility() && !element.closest('#categories, pre, svg, .visually-hidden'))
      .filter(({ clientWidth, scrollWidth }) => clientWidth > 0 && scrollWidth > clientWidth + 1)
      .filter((element) => Array.from(element.childNodes).some(({ nodeType, textContent }) => nodeType === 3 && textContent?.trim()))
      .map((element) => `${element.localName}.${element.className}: ${element.textContent?.trim()}`),
  )
}
