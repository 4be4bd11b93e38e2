import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Sale } from '../../demo/server/store/events.js'
import { describeInChromium, launchChromium } from '../helpers/chromium.js'
import { startDemo, type Demo } from '../helpers/demo.js'
import { buy, isLive, openPage, productsOf, told } from '../helpers/store-page.js'
import { until } from '../helpers/until.js'

const SKU = 'AUD-001'
const HOUR = 3_600_000

describeInChromium('the flash sale of the store', () => {
  let browser: Browser
  let demo: Demo
  let page: Page
  let problems: string[]

  beforeAll(async () => {
    const times = { STORE_SALE_LEAD_MS: '3000', STORE_SALE_MS: '9000' }
    ;[browser, demo] = await Promise.all([launchChromium(), startDemo(0, times)])
    await productsOf(demo.url)
  }, 120_000)
  afterAll(() => Promise.all([browser?.close(), demo?.stop()]))

  beforeEach(async () => {
    problems = []
    page = await openPage(browser, `${demo.url}/store/sale`, problems)
    await isLive(page)
    await page.getByRole('button', { name: 'Put everything back' }).click()
    await stage(page, 'idle')
  })
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
    if (problems.length > 0) throw new Error(problems.join('\n'))
  })

  test('it begins and ends at the same moment everywhere, also where the clock is wrong by an hour', async () => {
    const other = await openPage(browser, 'about:blank', problems)
    await other.addInitScript((hour) => {
      const { now } = Date
      Date.now = () => now() + hour
    }, HOUR)
    await other.goto(`${demo.url}/store/sale`)
    await isLive(other)
    expect(await textOf(page, '#left')).toBe('50')
    await until('both watch', async () => (await textOf(page, '#watchers')) === '2 people watching')

    for (const each of [page, other]) await record(each)
    await page.getByLabel('None').check()
    await page.getByRole('button', { name: 'Start the sale' }).click()
    await Promise.all([stage(page, 'announced'), stage(other, 'announced')])
    expect(await textOf(page, '#clock-label')).toBe('Starts in')
    await Promise.all([stage(page, 'running'), stage(other, 'running')])
    expect([await textOf(page, '#price'), await textOf(page, '#was'), await textOf(page, '#sticker')]).toEqual([
      '€79.00',
      '€199.00',
      '−60 %',
    ])
    expect(await textOf(other, '#clock-label')).toBe('Ends in')
    await Promise.all([stage(page, 'ended'), stage(other, 'ended')])
    // When each of them showed 0:03, 0:02, ... of the end, by one clock: that of the browser's process.
    const [mine, others] = await Promise.all([page, other].map(recorded))
    for (const text of ['0:05', '0:03', '0:01']) {
      expect(Math.abs((mine?.[text] as number) - (others?.[text] as number))).toBeLessThan(700)
    }
    await until('the price is the old one', async () => (await textOf(other, '#price')) === '€199.00')
    expect(await textOf(other, '#sticker')).toBe('')
    expect(await page.locator('#buy').textContent()).toBe('The sale is over')
  }, 60_000)

  test('pieces go in front of all eyes until none is left; who comes too late is told so', async () => {
    const other = await openPage(browser, `${demo.url}/store/sale`, problems)
    await isLive(other)
    await page.getByLabel('None').check()
    await page.getByRole('button', { name: 'Start the sale' }).click()
    await stage(page, 'running')
    await page.locator('#buy').click()
    await until('it is bought', async () => /^Yours: order S-\d+$/.test((await page.locator('#buy').textContent()) ?? ''))
    await until('the other one sees it', async () => (await textOf(other, '#left')) === '49')
    expect(await textOf(other, '#state')).toBe('1 piece sold')
    for (let bought = 0; bought < 4; bought++) await buy(demo.url, SKU, 10)
    await until('few are left', async () => (await textOf(other, '#left')) === '9')
    expect(await other.locator('#bar').getAttribute('data-level')).toBe('few')
    expect(await other.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('9')
    await buy(demo.url, SKU, 9)
    await Promise.all([stage(page, 'sold-out'), stage(other, 'sold-out')])
    expect([await textOf(other, '#left'), await other.locator('#buy').textContent()]).toEqual(['0', 'Sold out'])
    expect(await other.locator('#buy').getAttribute('aria-disabled')).toBe('true')
    await until('the news say so', async () => (await other.locator('#notices').textContent())?.includes('Sold out: all 50 pieces'))
    // All of it came on one connection each.
    expect(await demo.streams('/store/events')).toBe(2)
  }, 60_000)

  test('many events at once are drawn once', async () => {
    const { sale } = (await (await fetch(`${demo.url}/store/sale/state`)).json()) as { sale: Sale }
    const now = Date.now()
    const running: Sale = { ...sale, state: 'running', startsAt: now - 1_000, endsAt: now + 60_000 }
    const stocks = Array.from({ length: 40 }, (_, index) => ({ sku: SKU, stock: 49 - index, version: 1e6 + index, at: now }))
    const burst = [['sale', running], ...stocks.map((stock) => ['stock', stock])]
    const body = burst.map(([event, data]) => `event: ${event as string}\ndata: ${JSON.stringify(data)}\n\n`).join('')
    const other = await openPage(browser, 'about:blank', problems)
    await other.route('**/store/events*', (route) => route.fulfill({ headers: { 'content-type': 'text/event-stream' }, body }))
    await other.addInitScript(() => {
      const drawn: string[] = []
      Object.assign(window, { drawn })
      addEventListener('DOMContentLoaded', () => {
        const left = document.querySelector('#left') as Element
        new MutationObserver((changes) => drawn.push(...changes.map(() => left.textContent ?? ''))).observe(left, { childList: true })
      })
    })
    await other.goto(`${demo.url}/store/sale`)
    await until('the last one is drawn', async () => (await textOf(other, '#left')) === '10')
    // What was there before, and what there was at the end; a slow picture may come in between.
    const drawn = await other.evaluate(() => (window as unknown as { drawn: string[] }).drawn)
    expect(drawn.length).toBeLessThanOrEqual(4)
  })

  test('with a crowd it goes fast, and is told in few sentences', async () => {
    await page.evaluate(() => {
      const counts = { drawn: 0, told: 0 }
      Object.assign(window, { counts })
      new MutationObserver(() => counts.drawn++).observe(document.querySelector('#left') as Element, { childList: true })
      new MutationObserver(() => counts.told++).observe(document.querySelector('#status') as Element, { childList: true })
    })
    await page.getByLabel('500').check()
    await page.getByRole('button', { name: 'Start the sale' }).click()
    await stage(page, 'running')
    // A person is among them.
    await page.locator('#buy').click()
    await until('it is told', async () => /^Order S-\d+ placed/.test(await told(page)))
    await stage(page, 'sold-out', 30_000)
    const counts = await page.evaluate(() => (window as unknown as { counts: { drawn: number; perPicture: number; told: number } }).counts)
    expect(counts.drawn).toBeGreaterThan(5)
    // Said at most every six seconds, apart from answers to what was pressed.
    expect(counts.told).toBeLessThanOrEqual(7)
    await until('a second start is possible', async () => (await textOf(page, '#start')) === 'Start the sale', 30_000)
  }, 60_000)

  test('a sale that is under way can’t be started again, and its page can be left and come back to', async () => {
    await page.getByLabel('None').check()
    await page.getByRole('button', { name: 'Start the sale' }).click()
    await stage(page, 'announced')
    expect(await page.locator('#start').getAttribute('aria-disabled')).toBe('true')
    const response = await page.request.post(`${demo.url}/store/sale/state`, { data: { action: 'start', crowd: 0 } })
    expect(response.status()).toBe(409)
    await page.reload()
    await stage(page, 'running')
    await page.getByRole('button', { name: 'Put everything back' }).click()
    await stage(page, 'idle')
    expect(await textOf(page, '#left')).toBe('50')
  })
})

async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).textContent()) ?? ''
}

function stage(page: Page, name: string, within = 20_000): Promise<unknown> {
  return until(`the sale is ${name}`, async () => (await page.locator('main').getAttribute('data-sale')) === name, within)
}

/** Notes when the countdown to the end showed what first, by the real time. */
async function record(page: Page): Promise<void> {
  await page.evaluate(() => {
    const times: Record<string, number> = {}
    Object.assign(window, { times })
    new MutationObserver(() => {
      if (document.querySelector('#clock-label')?.textContent !== 'Ends in') return
      times[document.querySelector('#clock')?.textContent ?? ''] ??= performance.timeOrigin + performance.now()
    }).observe(document.querySelector('#clock') as Element, { childList: true, characterData: true, subtree: true })
  })
}

function recorded(page: Page): Promise<Record<string, number>> {
  return page.evaluate(() => (window as unknown as { times: Record<string, number> }).times)
}
