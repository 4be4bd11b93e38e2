import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Product } from '../../demo/server/store/events.js'
import { describeInChromium, launchChromium } from '../helpers/chromium.js'
import { startDemo, type Demo } from '../helpers/demo.js'
import { noted } from '../helpers/page.js'
import { buy, cardOf, closePages, isLive, leave, liveWords, openPage, productsOf, stockOf, told } from '../helpers/store-page.js'
import { until } from '../helpers/until.js'

describeInChromium('the catalogue of the store', () => {
  let browser: Browser
  let demo: Demo
  let page: Page
  let problems: string[]
  /** Of those that the page shows first, with enough of each for everybody. Each test takes its own. */
  let plenty: Product[]

  beforeAll(async () => {
    ;[browser, demo] = await Promise.all([launchChromium(), startDemo()])
    plenty = (await productsOf(demo.url)).filter(({ sku, stock }) => isFirst(sku) && stock > 12)
  })
  afterAll(() => Promise.all([browser?.close(), demo?.stop()]))

  beforeEach(async () => {
    problems = []
    page = await openPage(browser, `${demo.url}/store`, problems)
    await isLive(page)
  })
  afterEach(async () => {
    await closePages(browser)
    if (problems.length > 0) throw new Error(problems.join('\n'))
  })

  test('two browsers see what the other one buys, at once and for as long as it takes', async () => {
    const { sku, name, stock } = await shown(2)
    const other = await openPage(browser, `${demo.url}/store`, problems)
    await isLive(other)
    await cardOf(page, sku).getByRole('button').click()
    await until('the other one sees it', async () => (await stockOf(other, sku)) === `${stock - 1} in stock`)
    await until('it is told', async () => new RegExp(`^Order S-\\d+ placed: ${name}$`).test(await told(page)))
    await cardOf(other, sku).getByRole('button').click()
    await until('and back', async () => (await stockOf(page, sku)) === `${stock - 2} in stock`)
    expect(await stockOf(other, sku)).toBe(`${stock - 2} in stock`)
    await until('two streams are all', async () => (await demo.streams('/store/events')) === 2)
  })

  test('a purchase is shown before the shop has answered', async () => {
    const { sku, stock } = await shown(3)
    let answer = (): void => {}
    const held = new Promise<void>((resolve) => (answer = resolve))
    await page.route('**/store/purchases', async (route) => {
      await held
      await route.continue()
    })
    const words = await noted(cardOf(page, sku).getByRole('button'))
    await cardOf(page, sku).getByRole('button').click()
    expect(await stockOf(page, sku)).toBe(`${stock - 1} in stock`)
    expect(await words()).toEqual(['Buy', 'Buying'])
    answer()
    await until('it can be bought again', async () => (await words()).length > 3)
    expect(await words()).toEqual(['Buy', 'Buying', 'Ordered', 'Buy'])
    expect(await stockOf(page, sku)).toBe(`${stock - 1} in stock`)
  })

  test('the last piece can be bought once: who comes too late is told kindly, and sees what is true', async () => {
    const product = await shown(4)
    const { sku, name } = product
    await leave(demo.url, product, 1)
    await until('one is left', async () => (await stockOf(page, sku)) === '1 left in stock')
    // A page that hears nothing: it goes on showing the last piece.
    const late = await openPage(browser, 'about:blank', problems)
    await late.route('**/store/events*', (route) => route.abort())
    await late.goto(`${demo.url}/store`)
    await until('it says that it may be old', async () => (await liveWords(late)) === 'Reconnecting, showing the last known stock')
    expect(await stockOf(late, sku)).toBe('1 left in stock')

    await cardOf(page, sku).getByRole('button').click()
    await until('it is ordered', async () => /Order S-\d+ placed/.test(await told(page)))
    expect(await stockOf(page, sku)).toBe('Sold out')
    expect(await stockOf(late, sku)).toBe('1 left in stock')
    await cardOf(late, sku).getByRole('button').click()
    await until('it is told kindly', async () =>
      ((await late.locator('.toast').textContent()) ?? '').startsWith(`Sorry, the last one has just gone: ${name} is sold out`),
    )
    expect(await stockOf(late, sku)).toBe('Sold out')
    const button = cardOf(late, sku).getByRole('button')
    expect([await button.textContent(), await button.getAttribute('aria-disabled')]).toEqual(['Sold out', 'true'])
  })

  test('without a connection the stock comes back, and the next try is the same purchase, not another one', async () => {
    const { sku, stock } = await shown(5)
    const keys: string[] = []
    let isLost = true
    await page.route('**/store/purchases', async (route) => {
      keys.push((route.request().postDataJSON() as { key: string }).key)
      if (!isLost) return route.continue()
      // It arrives, and only its answer is lost.
      await route.fetch()
      await route.abort()
    })
    await cardOf(page, sku).getByRole('button').click()
    await until('it is told', async () => /could not be ordered: the shop can’t be reached just now/.test(await told(page)))
    // The purchase was made all the same, once: the stream has told of it.
    await until('one is gone', async () => (await stockOf(page, sku)) === `${stock - 1} in stock`)
    expect(await cardOf(page, sku).getByRole('button').textContent()).toBe('Buy')
    isLost = false
    await cardOf(page, sku).getByRole('button').click()
    await until('it is ordered', async () => /Order S-\d+ placed/.test(await told(page)))
    expect(new Set(keys).size).toBe(1)
    expect(keys.length).toBe(4)
    expect((await productsOf(demo.url)).find((product) => product.sku === sku)?.stock).toBe(stock - 1)

    // The next one is a new purchase.
    await until('it can be bought again', async () => (await cardOf(page, sku).getByRole('button').textContent()) === 'Buy')
    await cardOf(page, sku).getByRole('button').click()
    await until('another one is gone', async () => (await stockOf(page, sku)) === `${stock - 2} in stock`)
    await until('it was asked for', () => keys.length === 5)
    expect(new Set(keys).size).toBe(2)
  })

  test('nothing is taken off the shelf for good by a purchase that never arrived', async () => {
    const { sku, stock } = await shown(6)
    await page.route('**/store/purchases', (route) => route.abort())
    const words = await noted(cardOf(page, sku).locator('.stock'))
    await cardOf(page, sku).getByRole('button').click()
    await until('it is back', async () => (await words()).length > 2)
    expect(await words()).toEqual([stock, stock - 1, stock].map((pieces) => `${pieces} in stock`))
    expect(await page.locator('.toast[data-kind=bad]').count()).toBe(1)
  })

  test('keys are enough to find a product and to buy it', async () => {
    const { sku, name, stock } = await shown(7)
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('To the content')
    await page.locator('#search').focus()
    await page.keyboard.type(sku)
    await until('it is found', async () => (await page.locator('#shelf-count').textContent()) === '1 product')
    await until('it is told', async () => (await told(page)) === '1 product')
    for (let tabs = 0; tabs < 12 && (await focused()) !== 'Buy'; tabs++) await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe(`Buy ${name}`)
    expect(await page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle)).toBe('solid')
    await page.keyboard.press('Enter')
    await until('it is told', async () => /^Order S-\d+ placed/.test(await told(page)))
    // Still there, to go on from.
    expect(await page.evaluate(() => document.activeElement?.closest('.product')?.getAttribute('data-sku'))).toBe(sku)
    await until('one is gone', async () => (await stockOf(page, sku)) === `${stock - 1} in stock`)
  })

  test('search and category are in the address: it can be kept, and the back button goes back', async () => {
    await page.getByRole('link', { name: /^Kitchen/ }).click()
    await page.locator('#search').fill('mug')
    await until('three mugs', async () => (await page.locator('#products .product').count()) === 3)
    await page.waitForURL(`${demo.url}/store?category=kitchen&q=mug`)
    expect(await page.locator('#categories [aria-current]').textContent()).toBe('Kitchen 3')
    await page.goBack()
    await until('all of the kitchen', async () => (await page.locator('#shelf-count').textContent()) === '30 products')
    expect(await page.locator('#search').inputValue()).toBe('')
    await page.goBack()
    await until('everything', async () => (await page.locator('#shelf-count').textContent()) === '240 products')
    await page.goForward()
    await page.goForward()
    await until('mugs again', async () => (await page.locator('#search').inputValue()) === 'mug')

    const kept = await openPage(browser, `${demo.url}/store?category=kitchen&q=mug`, problems)
    await until('the same', async () => (await kept.locator('#products .product').count()) === 3)
    await kept.locator('#search').fill('zeppelin')
    await kept.getByText('Nothing here is called “zeppelin”').waitFor()
    await kept.getByRole('button', { name: 'Show everything' }).click()
    await until('everything', async () => (await kept.locator('#shelf-count').textContent()) === '240 products')
    await kept.waitForURL(`${demo.url}/store`)
  })

  test('an address that names no category says so, and is live all the same', async () => {
    await page.goto(`${demo.url}/store?category=spoons`)
    await page.getByText('There is nothing in “spoons”').waitFor()
    await isLive(page)
    await page.getByRole('button', { name: 'Show everything' }).click()
    await until('everything', async () => (await page.locator('#products .product').count()) === 60)
    await isLive(page)
    await page.waitForURL(`${demo.url}/store`)
    expect(page.url()).toBe(`${demo.url}/store`)
  })

  test('only what is shown is followed, and what is shown next is up to date from the beginning', async () => {
    const streams: string[] = []
    page.on('request', (request) => {
      const { pathname, search } = new URL(request.url())
      if (pathname === '/store/events') streams.push(search)
    })
    await page.getByRole('link', { name: /^Garden/ }).click()
    await until('it is followed', () => streams.length === 1)
    expect(streams).toEqual(['?category=garden'])
    await page.locator('#search').fill('herb seeds')
    await page.getByRole('link', { name: /^Everything/ }).click()
    await until('only these', () => streams.at(-1) === '?sku=GAR-013&sku=GAR-014&sku=GAR-015')
    // Bought while nobody here listens to it.
    const { sku, stock } = await shown(8)
    await buy(demo.url, sku, 2)
    await page.locator('#search').fill('')
    await until('what was missed is there', async () => (await stockOf(page, sku)) === `${stock - 2} in stock`)
    await until('all that are shown are followed', () => new URLSearchParams(streams.at(-1)).getAll('sku').length === 60)
    await until('one stream is left', async () => (await demo.streams('/store/events')) === 1)
    await page.getByRole('button', { name: 'Show 60 more' }).click()
    await until('more than can be named: everything', () => streams.at(-1) === '')
    expect(await page.locator('#products .product').count()).toBe(120)
  })

  test('what can’t be resumed is loaded anew, without a word', async () => {
    const { sku, stock } = await shown(9)
    let gaps = 0
    let loads = 0
    page.on('request', (request) => void (loads += Number(request.url().endsWith('/store/products'))))
    await page.route('**/store/events*', async (route) => {
      if (gaps++ > 0) return route.continue()
      await route.fulfill({
        headers: { 'content-type': 'text/event-stream' },
        body: 'event: gap\ndata: {"topics":["stock/home/HOM-001"],"reason":"expired","from":"a-1","to":"a-9"}\n\n',
      })
    })
    await page.reload()
    await until('it is live', () => gaps === 2)
    await isLive(page)
    await buy(demo.url, sku)
    await until('it is followed', async () => (await stockOf(page, sku)) === `${stock - 1} in stock`)
    expect(loads).toBe(2)
    expect(await page.locator('.toast').count()).toBe(0)
  })

  test('a busy shop is told to screen readers in few sentences, and moves nothing on the page', async () => {
    await page.evaluate(() => {
      const counts = { told: 0, shifts: 0, begun: performance.now() }
      Object.assign(window, { counts })
      new MutationObserver(() => counts.told++).observe(document.querySelector('#status') as Element, { childList: true })
      new PerformanceObserver((list) => (counts.shifts += list.getEntries().length)).observe({ type: 'layout-shift', buffered: false })
    })
    const few = (await productsOf(demo.url)).filter(({ sku, stock }) => isFirst(sku) && stock > 0 && stock < 10)
    expect(few.length).toBeGreaterThan(5)
    for (let round = 0; round < 4; round++) {
      await Promise.all(few.filter(({ stock }) => stock > round).map(({ sku }) => buy(demo.url, sku)))
    }
    for (const { sku, stock } of few) {
      const left = Math.max(0, stock - 4)
      await until(
        'the last change is shown',
        async () => (await stockOf(page, sku)) === (left === 0 ? 'Sold out' : `${left} left in stock`),
      )
    }
    const {
      shifts,
      told: times,
      took,
    } = await page.evaluate(() => {
      const { counts } = window as unknown as { counts: { told: number; shifts: number; begun: number } }
      return { ...counts, took: performance.now() - counts.begun }
    })
    expect(shifts).toBe(0)
    // At most every six seconds.
    expect(times).toBeLessThanOrEqual(2 + took / 6_000)
    await until('what is told is short', async () => /left|sold out/.test(await told(page)))
    expect((await told(page)).split('. ').length).toBeLessThanOrEqual(4)
  })

  test('the panel counts what asking would cost, and really asks beside the stream when it is switched on', async () => {
    const { sku } = await shown(10)
    await page.getByText('What a poll would cost').click()
    await until('it is reckoned', async () => /^about \d+\.\d kB$/.test((await page.locator('#poll-bytes').textContent()) ?? ''))
    await page.getByRole('switch').check()
    await until('it has asked', async () => Number.parseInt((await page.locator('#poll-requests').textContent()) ?? '', 10) >= 2)
    await buy(demo.url, sku)
    await until('both have seen it', async () =>
      /^1 change, \d+ ms later on average$/.test((await page.locator('#poll-news').textContent()) ?? ''),
    )
    await until('it is counted', async () => (await page.locator('#stream-news').textContent()) === '1 change, as they happened')
    expect(await page.locator('#stream-requests').textContent()).toBe('1 request')
  })

  test('it says that it is being set up, that it is closed, that it can’t be reached; and goes on by itself or at a click', async () => {
    const answers: [expected: RegExp, status: number, code: string][] = [
      [/^Setting up the shop’s database/, 503, 'STORE_OPENING'],
      [/^The shop is closed for a moment/, 503, 'STORE_UNAVAILABLE'],
      [/^The shop can’t be reached/, 0, ''],
    ]
    for (const [expected, status, code] of answers) {
      const fresh = await openPage(browser, 'about:blank', problems)
      await fresh.route('**/store/products*', (route) =>
        status === 0 ? route.abort() : route.fulfill({ status, json: { code, message: 'One moment' }, headers: { 'retry-after': '60' } }),
      )
      await fresh.goto(`${demo.url}/store`)
      await until('it is shown', async () => expected.test((await fresh.locator('#setup:visible, #problem:visible').innerText()).trim()))
      await fresh.unroute('**/store/products*')
      // The shop has said: in a minute. Where it said nothing, it is tried again soon.
      if (code === 'STORE_OPENING') await fresh.evaluate(() => dispatchEvent(new Event('online')))
      if (code === 'STORE_UNAVAILABLE') await fresh.getByRole('button', { name: 'Try again now' }).click()
      await until('it is there', async () => (await fresh.locator('#products .product').count()) === 60)
      expect(await fresh.locator('#setup:visible, #problem:visible, #skeletons:visible').count()).toBe(0)
    }
  })

  test('the first load is below 120 kB, products included, and everything comes from here', async () => {
    const paths: [path: string, least: number][] = [
      // With all products.
      ['/store', 70_000],
      ['/store/orders', 20_000],
      ['/store/sale', 20_000],
    ]
    for (const [path, least] of paths) {
      const fresh = await openPage(browser, 'about:blank', problems)
      const loaded: Promise<{ url: string; size: number }>[] = []
      // A stream doesn't finish: it is no part of loading.
      fresh.on('requestfinished', (request) =>
        loaded.push(
          request
            .sizes()
            .then(({ responseBodySize, responseHeadersSize: head }) => ({ url: request.url(), size: responseBodySize + head })),
        ),
      )
      await fresh.goto(demo.url + path)
      await until('it is there', async () => (await liveWords(fresh)) !== 'Connecting')
      const sizeOf = async (): Promise<number> => (await Promise.all(loaded)).reduce((sum, { size }) => sum + size, 0)
      // The last of it is told a moment after the page has it.
      await until('all is counted', async () => loaded.length >= 5 && (await sizeOf()) > least)
      expect((await Promise.all(loaded)).filter(({ url }) => !url.startsWith(demo.url))).toEqual([])
      expect(await sizeOf()).toBeLessThan(120_000)
    }
  })

  test.each(['/store', '/store/orders', '/store/sale'])(
    'nothing on %s is wider than a phone, and nothing moves for who wants nothing to move',
    async (path) => {
      const phone = await openPage(browser, demo.url + path, problems, {
        viewport: { width: 360, height: 740 },
        colorScheme: 'dark',
        reducedMotion: 'reduce',
      })
      await until('it is there', async () => (await liveWords(phone)) !== 'Connecting')
      await phone.evaluate(() => document.querySelectorAll('details').forEach((each) => (each.open = true)))
      expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
      expect(await phone.evaluate(() => document.getAnimations().length)).toBe(0)
    },
  )

  async function focused(): Promise<string> {
    return page.evaluate(() => document.activeElement?.textContent ?? '')
  }

  /** A product that the page shows and no other test buys, as it is now. */
  async function shown(number: number): Promise<Product> {
    const { sku } = plenty[number] as Product
    return (await productsOf(demo.url)).find((product) => product.sku === sku) as Product
  }
})

/** Of the first variants of the first six kinds of each category, which are on the page as it opens. */
function isFirst(sku: string): boolean {
  const number = Number(sku.slice(-3))
  return number % 3 === 1 && number < 18
}
