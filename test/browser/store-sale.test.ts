import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Sale } from '../../demo/server/store/events.js'
import { describeInChromium, launchChromium } from '../helpers/chromium.js'
import { startDemo, type Demo } from '../helpers/demo.js'
import { newFolder, removeFolders } from '../helpers/folders.js'
import { buy, closePages, isLive, openPage, productsOf, told } from '../helpers/store-page.js'
import { until } from '../helpers/until.js'

const SKU = 'AUD-001'
const HOUR = 3_600_000

let browser: Browser
let demo: Demo
let page: Page
let problems: string[]

// One database, which is made once.
const folder = newFolder()
afterAll(removeFolders)

describeInChromium('the flash sale of the store', () => {
  useSales({ STORE_SALE_LEAD_MS: '3000', STORE_SALE_MS: '12000' })

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
    await Promise.all([stage(page, 'ended'), stage(other, 'ended')])
    await until('the price is the old one', async () => (await textOf(other, '#price')) === '€199.00')
    expect(await textOf(other, '#sticker')).toBe('')
    expect(await page.locator('#buy').textContent()).toBe('The sale is over')

    const { sale } = (await (await fetch(`${demo.url}/store/sale/state`)).json()) as { sale: Sale }
    for (const each of [page, other]) {
      const pictures = await recorded(each)
      expect(pictures).toContainEqual(expect.objectContaining({ stage: 'announced', label: 'Starts in' }))
      expect(pictures).toContainEqual(
        expect.objectContaining({ stage: 'running', label: 'Ends in', price: '€79.00', was: '€199.00', sticker: '−60 %' }),
      )
      // Between looking at its clock and being seen a page may stand still: the best of eleven changes counts.
      const late = lateness(pictures, 'Ends in', sale.endsAt)
      expect(late.length).toBeGreaterThan(0)
      expect(Math.min(...late.map(Math.abs))).toBeLessThan(0.5)
    }
  })

  test('with a crowd it goes fast, and is told in few sentences', async () => {
    await page.evaluate(() => {
      const counts = { drawn: 0, told: 0, begun: performance.now() }
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
    await stage(page, 'sold-out', 60_000)
    const {
      drawn,
      told: times,
      took,
    } = await page.evaluate(() => {
      const { counts } = window as unknown as { counts: { drawn: number; told: number; begun: number } }
      return { ...counts, took: performance.now() - counts.begun }
    })
    expect(drawn).toBeGreaterThan(5)
    // Said at most every six seconds, apart from answers to what was pressed.
    expect(times).toBeLessThanOrEqual(4 + took / 6_000)
    await until('a second start is possible', async () => (await textOf(page, '#start')) === 'Start the sale', 60_000)
  })
})

describeInChromium('a flash sale of the store that takes its time', () => {
  useSales({ STORE_SALE_LEAD_MS: '3000', STORE_SALE_MS: '600000' })

  test('pieces go in front of all eyes until none is left; who comes too late is told so', async () => {
    const other = await openPage(browser, `${demo.url}/store/sale`, problems)
    await isLive(other)
    await page.getByLabel('None').check()
    await page.getByRole('button', { name: 'Start the sale' }).click()
    await stage(page, 'running')
    const pictures = await record(page)
    await page.locator('#buy').click()
    await until('it is bought', async () => (await pictures()).some(({ buy }) => /^Yours: order S-\d+$/.test(buy)))
    await until('the other one sees it', async () => (await textOf(other, '#left')) === '49')
    await until('and counts it', async () => (await textOf(other, '#state')) === '1 piece sold')
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
    await until('two streams are all', async () => (await demo.streams('/store/events')) === 2)
  })

  test('many events at once are drawn once', async () => {
    const { sale } = (await (await fetch(`${demo.url}/store/sale/state`)).json()) as { sale: Sale }
    const now = Date.now()
    const running: Sale = { ...sale, state: 'running', startsAt: now - 1_000, endsAt: now + 600_000 }
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

  test('a sale that is under way can’t be started again, and its page can be left and come back to', async () => {
    await page.getByLabel('None').check()
    await page.getByRole('button', { name: 'Start the sale' }).click()
    await until('it can’t be started', async () => (await page.locator('#start').getAttribute('aria-disabled')) === 'true')
    const response = await page.request.post(`${demo.url}/store/sale/state`, { data: { action: 'start', crowd: 0 } })
    expect(response.status()).toBe(409)
    await page.reload()
    await stage(page, 'running')
    await page.getByRole('button', { name: 'Put everything back' }).click()
    await stage(page, 'idle')
    expect(await textOf(page, '#left')).toBe('50')
  })
})

/** The demo with sales of such times, and its page, on which everything is as before a sale. */
function useSales(times: Record<string, string>): void {
  beforeAll(async () => {
    ;[browser, demo] = await Promise.all([launchChromium(), startDemo(0, { DATA_DIR: folder, ...times })])
    await productsOf(demo.url)
  })
  afterAll(() => Promise.all([browser?.close(), demo?.stop()]))

  beforeEach(async () => {
    problems = []
    page = await openPage(browser, `${demo.url}/store/sale`, problems)
    await isLive(page)
    const done = page.waitForResponse((response) => response.request().method() === 'POST')
    await page.getByRole('button', { name: 'Put everything back' }).click()
    await done
    await stage(page, 'idle')
  })
  afterEach(async () => {
    await closePages(browser)
    if (problems.length > 0) throw new Error(problems.join('\n'))
  })
}

async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).textContent()) ?? ''
}

function stage(page: Page, name: string, within = 40_000): Promise<unknown> {
  return until(`the sale is ${name}`, async () => (await page.locator('main').getAttribute('data-sale')) === name, within)
}

/** What a page has shown, and when, by the real time. */
interface Picture {
  readonly at: number
  readonly stage: string
  readonly label: string
  readonly clock: string
  readonly price: string
  readonly was: string
  readonly sticker: string
  readonly buy: string
}

/** Notes each picture of a page, also those that are there for a moment only. */
async function record(page: Page): Promise<() => Promise<Picture[]>> {
  await page.evaluate(() => {
    const pictures: Picture[] = []
    Object.assign(window, { pictures })
    const textOf = (selector: string): string => document.querySelector(selector)?.textContent ?? ''
    const main = document.querySelector('main') as HTMLElement
    new MutationObserver(() => {
      pictures.push({
        at: performance.timeOrigin + performance.now(),
        stage: main.dataset['sale'] ?? '',
        label: textOf('#clock-label'),
        clock: textOf('#clock'),
        price: textOf('#price'),
        was: textOf('#was'),
        sticker: textOf('#sticker'),
        buy: textOf('#buy'),
      })
    }).observe(main, { childList: true, characterData: true, subtree: true, attributeFilter: ['data-sale'] })
  })
  return () => recorded(page)
}

function recorded(page: Page): Promise<Picture[]> {
  return page.evaluate(() => (window as unknown as { pictures: Picture[] }).pictures)
}

/** How many seconds late each change of a countdown to `end` was; it shows the rest in whole seconds, rounded up. */
function lateness(pictures: readonly Picture[], label: string, end: number): number[] {
  const changes = pictures.filter((picture, index) => {
    const before = pictures[index - 1]
    return picture.label === label && before?.label === label && picture.clock !== before.clock
  })
  return changes.map(({ at, clock }) => {
    const [minutes, seconds] = clock.split(':').map(Number) as [number, number]
    return minutes * 60 + seconds - (end - at) / 1_000
  })
}
