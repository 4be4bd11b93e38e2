import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { chromiumArgs, chromiumPath, describeInChromium, launchChromium } from '../helpers/chromium.js'
import { startDemo, type Demo } from '../helpers/demo.js'
import { buy, isLive, liveWords, openPage, productsOf, signIn, stockOf } from '../helpers/store-page.js'
import { until } from '../helpers/until.js'

const PHONE = { width: 360, height: 740 }
const SKU = 'KIT-001'

describeInChromium('the manners of the store', () => {
  let browser: Browser
  let demo: Demo
  let problems: string[]

  beforeAll(async () => {
    ;[browser, demo] = await Promise.all([launchChromium(), startDemo()])
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

  test('who chooses a category from deep within the list, or on a phone, sees its first products', async () => {
    for (const viewport of [PHONE, { width: 1440, height: 950 }]) {
      const page = await openPage(browser, `${demo.url}/store`, problems, { viewport })
      await isLive(page)
      if (viewport !== PHONE) await page.evaluate(() => scrollTo(0, 3_000))
      await page.getByRole('link', { name: /^Kitchen/ }).click()
      await until('the first one is seen', () => isSeen(page, `[data-sku="${SKU}"] h3`))
      // A search from deep within a list brings to its first, too.
      await page.evaluate(() => scrollTo(0, 3_000))
      await page.locator('#search').fill('skillet')
      await until('the first one is seen', () => isSeen(page, `[data-sku="${SKU}"] h3`))
      expect(await page.locator('#shelf-count').textContent()).toBe('3 products')
    }
  })

  test('who comes back to the shop, or loads it anew, is where they were, with as much as there was', async () => {
    const page = await openPage(browser, `${demo.url}/store`, problems)
    await isLive(page)
    await page.getByRole('button', { name: 'Show 60 more' }).click()
    const card = page.locator('#products .product').nth(100)
    await card.evaluate((element) => element.scrollIntoView({ block: 'center' }))
    const sku = await card.getAttribute('data-sku')
    await page.evaluate(() => document.querySelector<HTMLElement>('.masthead [href="/store/orders"]')?.click())
    await page.waitForURL('**/store/orders')
    await page.goBack()
    for (const how of ['back', 'anew']) {
      if (how === 'anew') await page.reload()
      await isLive(page)
      expect(await page.locator('#products .product').count()).toBe(120)
      await until('it is seen', () => isSeen(page, `[data-sku="${sku}"]`))
    }
  })

  test('a page that the browser has kept is live again, and knows what was missed', async () => {
    // Playwright switches the cache off, and does not see when a page comes out of it.
    const keeping = await chromium.launch({
      executablePath: chromiumPath as string,
      args: chromiumArgs,
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    })
    try {
      const page = await openPage(keeping, `${demo.url}/store`, problems)
      await isLive(page)
      const before = await stockOf(page, 'OUT-001')
      await page.evaluate(() => {
        Object.assign(window, { kept: true })
        document.querySelector<HTMLElement>('.masthead [href="/store/sale"]')?.click()
      })
      await page.waitForURL('**/store/sale')
      await isLive(page)
      await buy(demo.url, 'OUT-001', 2)
      await page.evaluate(() => void setTimeout(() => history.back(), 50))
      await until('it is back', () => page.evaluate(() => document.body.matches('.shop-page')))
      expect(await page.evaluate(() => 'kept' in window)).toBe(true)
      await isLive(page)
      await until('it knows', async () => (await stockOf(page, 'OUT-001')) === before.replace(/\d+/, (number) => `${Number(number) - 2}`))
    } finally {
      await keeping.close()
    }
  })

  test('the focus stays with who uses keys: messages, tries and signing out', async () => {
    const page = await openPage(browser, `${demo.url}/store`, problems)
    await isLive(page)
    const button = page.locator(`[data-sku="${SKU}"] .buy`)
    await button.focus()
    await page.keyboard.press('Enter')
    const message = page.locator('.toast')
    await message.waitFor()
    await message.getByRole('link').focus()
    await page.keyboard.press('Escape')
    await until('it is gone', async () => (await message.count()) === 0)
    expect(await button.evaluate((element) => element === document.activeElement)).toBe(true)

    await page.route('**/store/products', (route) => route.abort())
    await page.reload()
    await page.getByRole('button', { name: 'Try again now' }).focus()
    await page.keyboard.press('Enter')
    expect(await focused(page)).toBe('main')

    await page.unroute('**/store/products')
    await page.goto(`${demo.url}/store/orders`)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await signIn(page)
    await page.getByRole('button', { name: 'Sign out' }).focus()
    await page.keyboard.press('Enter')
    await page.locator('#door-note:visible').waitFor()
    expect(await focused(page)).toBe('main')
  })

  test('whose session ends while they shop is asked to sign in again, and can buy as a guest', async () => {
    const page = await openPage(browser, `${demo.url}/store/orders`, problems)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor({ timeout: 30_000 })
    await signIn(page)
    await page.goto(`${demo.url}/store`)
    await isLive(page)
    await until('she is known', async () => (await page.locator('#customer').textContent()) === ', Ada')
    await page.locator(`[data-sku="${SKU}"] .buy`).click()
    await until('it is hers', async () => (await page.locator('.toast a').last().textContent()) === 'Track it')
    await until('it can be bought again', async () => (await page.locator(`[data-sku="${SKU}"] .buy`).textContent()) === 'Buy')
    await page.context().clearCookies()
    await page.locator(`[data-sku="${SKU}"] .buy`).click()
    await until('it is told', async () => (await page.locator('.toast').last().textContent())?.includes('You have been signed out'))
    expect(await page.locator('#customer').textContent()).toBe('')
    await until('it can be bought again', async () => (await page.locator(`[data-sku="${SKU}"] .buy`).textContent()) === 'Buy')
    await page.locator(`[data-sku="${SKU}"] .buy`).click()
    await until('a guest has it', async () => (await page.locator('.toast a').last().textContent()) === 'Sign in to track the next one')
  })

  test('a shop that is only slow is not said to be set up, and one that stays away is told of once', async () => {
    const page = await openPage(browser, 'about:blank', problems)
    await page.route('**/store/products', () => {})
    await page.goto(`${demo.url}/store`)
    await until('it is told', async () => (await page.locator('#setup:visible').innerText()).trim().startsWith('Opening the shop'))
    for (const path of ['/store', '/store/sale', '/store/orders']) {
      const away = await openPage(browser, 'about:blank', problems)
      let tries = 0
      await away.route(/\/store\/(products|session|sale\/state)$/, (route) => (tries++, route.abort()))
      await away.addInitScript(() => {
        const said: string[] = []
        Object.assign(window, { said })
        addEventListener('DOMContentLoaded', () => {
          const status = document.querySelector('#status') as Element
          new MutationObserver(() => said.push(status.textContent ?? '')).observe(status, { childList: true })
        })
      })
      await away.goto(demo.url + path)
      await away.locator('#problem:visible').waitFor()
      for (let number = 0; number < 4; number++) {
        const before = tries
        await away.evaluate(() => dispatchEvent(new Event('online')))
        await until('it is tried again', () => tries > before)
        await until('in vain', async () => (await liveWords(away)) === 'No connection')
      }
      const said = await away.evaluate(() => (window as unknown as { said: string[] }).said)
      expect(said.filter((words) => words.startsWith('The shop can’t be reached'))).toHaveLength(1)
    }
  }, 60_000)

  test('an answer of somebody in between is taken for no answer, and not shown', async () => {
    const page = await openPage(browser, 'about:blank', problems)
    await page.route('**/store/products', (route) => route.fulfill({ contentType: 'text/html', body: '<h1>Welcome to the hotel</h1>' }))
    await page.goto(`${demo.url}/store`)
    await page.locator('#problem-text').getByText('Perhaps the network is away').waitFor()
    expect(await liveWords(page)).toBe('No connection')
    await page.unroute('**/store/products')
    await page.getByRole('button', { name: 'Try again now' }).click()
    await isLive(page)
  })

  test('nothing can be bought before the sale is known; who starts it is at its button', async () => {
    const page = await openPage(browser, 'about:blank', problems, { viewport: PHONE })
    let go = (): void => {}
    const held = new Promise<void>((resolve) => (go = resolve))
    await page.route('**/store/sale/state', async (route) => {
      await held
      await route.continue()
    })
    await page.goto(`${demo.url}/store/sale`)
    await until('it waits', async () => (await page.locator('#buy').getAttribute('aria-disabled')) === 'true')
    expect(await page.locator('#buy').textContent()).toBe('One moment')
    go()
    await isLive(page)
    await page.getByRole('button', { name: 'Put everything back' }).click()
    await until('it is idle', async () => (await page.locator('main').getAttribute('data-sale')) === 'idle')
    await page.getByLabel('None').check()
    await page.getByRole('button', { name: 'Start the sale' }).click()
    await until('it is there', async () => (await page.evaluate(() => document.activeElement?.id)) === 'buy')
    await until('it is seen', () => isSeen(page, '#buy'))
    // So is the number, above it.
    await until('so is the number', () => isSeen(page, '#left'))
    await page.getByRole('button', { name: 'Put everything back' }).click()
  })

  test('what orders look like is asked for once, however many there are', async () => {
    const page = await openPage(browser, `${demo.url}/store/orders`, problems)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor({ timeout: 30_000 })
    await signIn(page)
    const { csrf } = (await (await page.request.get(`${demo.url}/store/session`)).json()) as { csrf: string }
    for (let number = 0; number < 5; number++) {
      const data = { sku: 'GAR-001', quantity: 1, key: crypto.randomUUID() }
      const response = await page.request.post(`${demo.url}/store/purchases`, { data, headers: { 'x-csrf': csrf } })
      expect(response.status()).toBe(201)
    }
    let asked = 0
    page.on('request', (request) => void (asked += Number(request.url().endsWith('/store/products'))))
    await page.reload()
    await isLive(page)
    await until('all are drawn', async () => (await page.locator('.order[data-order] svg.art').count()) >= 5)
    expect(asked).toBe(1)
  })

  test('what is wrong with a password is said of its field', async () => {
    const page = await openPage(browser, `${demo.url}/store/orders`, problems)
    const password = page.getByLabel('Password')
    await page.getByLabel('E-mail').fill('ada@example.com')
    await password.fill('wrong')
    await page.keyboard.press('Enter')
    await until('it is refused', async () => (await password.getAttribute('aria-invalid')) === 'true')
    expect(await page.locator(`#${await password.getAttribute('aria-describedby')}`).textContent()).not.toBe('')
  })
})

/** Whether the middle of an element is on the screen, with nothing above it. */
function isSeen(page: Page, selector: string): Promise<boolean> {
  return page
    .locator(selector)
    .first()
    .evaluate((element) => {
      const { left, top, width, height } = element.getBoundingClientRect()
      const above = document.elementFromPoint(left + width / 2, top + height / 2)
      return element.contains(above) || above?.contains(element) === true
    })
}

function focused(page: Page): Promise<string | undefined> {
  return page.evaluate(() => document.activeElement?.localName)
}
