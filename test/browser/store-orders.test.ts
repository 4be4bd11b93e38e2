import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { describeInChromium, launchChromium } from '../helpers/chromium.js'
import { startDemo, type Demo } from '../helpers/demo.js'
import { newFolder, removeFolders } from '../helpers/folders.js'
import { freePort } from '../helpers/ports.js'
import { closePages, isLive, liveWords, openPage, productsOf, signIn, told, watch } from '../helpers/store-page.js'
import { until } from '../helpers/until.js'

const SKU = 'HOM-001'
const STEPS = ['Placed', 'Paid', 'Packed', 'Out for delivery', 'Delivered']

describeInChromium('the orders page of the store', () => {
  let browser: Browser
  let demo: Demo
  let page: Page
  let problems: string[]
  let env: Record<string, string>

  beforeAll(async () => {
    env = { DATA_DIR: newFolder(), STORE_STEP_MS: '3000' }
    ;[browser, demo] = await Promise.all([launchChromium(), startDemo(await freePort(), env)])
    await productsOf(demo.url)
  })
  afterAll(async () => {
    await Promise.all([browser?.close(), demo?.stop()])
    removeFolders()
  })

  beforeEach(async () => {
    problems = []
    page = await openPage(browser, `${demo.url}/store/orders`, problems)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  })
  afterEach(async () => {
    await closePages(browser)
    if (problems.length > 0) throw new Error(problems.join('\n'))
  })

  test('a customer signs in, buys in another window, and sees each step the moment it happens', async () => {
    expect(await liveWords(page)).toBe('Signed out')
    await page.getByLabel('E-mail').fill('ada@example.com')
    await page.getByLabel('Password').fill('wrong')
    await page.keyboard.press('Enter')
    await until('it is refused in words', async () => ((await page.getByRole('alert').textContent()) ?? '').length > 10)
    await signIn(page)
    await isLive(page)
    await page.getByText('Nothing ordered yet').waitFor()

    const shop = await secondWindow('/store')
    await isLive(shop)
    await until('she is known there', async () => (await shop.locator('#customer').textContent()) === ', Ada')
    const number = await buyIn(shop)
    const order = page.getByRole('listitem', { name: `Order ${number}` })
    await order.waitFor()
    expect(await stepsOf(order)).toContain('Placed')
    await until('it is delivered', async () => (await stepsOf(order)).length === 5, 60_000)
    expect(await stepsOf(order)).toEqual(STEPS)
    expect(await order.locator('[aria-current=step] b').textContent()).toBe('Delivered')
    expect(await order.locator('time').allTextContents()).toEqual(STEPS.map(() => expect.stringMatching(/^\d\d:\d\d:\d\d$/) as string))
    await until('it is told', async () => (await told(page)).includes(`Order ${number}: delivered.`))
    // The picture of what was bought.
    await order.locator('svg.art use').waitFor({ state: 'attached' })
  })

  test('tracking goes on after the server was killed and has come back: no step is missed', async () => {
    await signIn(page)
    await isLive(page)
    const shop = await secondWindow('/store')
    await isLive(shop)
    const number = await buyIn(shop)
    await shop.close()
    const order = page.getByRole('listitem', { name: `Order ${number}` })
    await order.waitFor()
    await demo.stop('SIGKILL')
    await until('it says so', async () => (await liveWords(page)) === 'Reconnecting, showing the last known steps')
    const before = await stepsOf(order)
    expect(before.length).toBeLessThan(5)
    demo = await startDemo(demo.port, env)
    await isLive(page)
    await until('it is delivered', async () => (await stepsOf(order)).length === 5, 60_000)
    expect(await stepsOf(order)).toEqual(STEPS)
    // Of one page, never loaded anew, still signed in.
    expect(await page.evaluate(() => performance.getEntriesByType('navigation').length)).toBe(1)
    await until('one stream is all', async () => (await demo.streams('/store/orders/events')) === 1)
  })

  test('signing out ends the stream, in all windows of the browser', async () => {
    await signIn(page)
    await isLive(page)
    await order()
    const other = await secondWindow('/store/orders')
    await isLive(other)
    for (const each of [page, other]) await each.locator('#orders li.order').first().waitFor()
    await until('both are followed', async () => (await demo.streams('/store/orders/events')) === 2)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await until('no stream is left', async () => (await demo.streams('/store/orders/events')) === 0)
    await note(page, 'You are signed out.')
    await note(other, 'You have signed out in another window.')
    for (const each of [page, other]) {
      expect(await each.locator('#orders li').count()).toBe(0)
      expect(await liveWords(each)).toBe('Signed out')
      expect(await each.getByRole('button', { name: 'Sign out' }).count()).toBe(0)
    }
    // In again, in one: in, in both.
    await signIn(other)
    await isLive(page)
  })

  test('a session that ends on the server is said, and nothing of it stays on the page', async () => {
    await signIn(page)
    await isLive(page)
    const csrf = await order()
    await page.locator('#orders li.order').first().waitFor()
    // As with curl: no window of the browser hears of it, but by its stream.
    const [cookie] = await page.context().cookies(`${demo.url}/store`)
    const response = await fetch(`${demo.url}/store/session`, {
      method: 'DELETE',
      headers: { cookie: `${cookie?.name}=${cookie?.value}`, 'x-csrf': csrf, 'content-type': 'application/json' },
    })
    expect(response.status).toBe(204)
    await note(page, 'Your session has ended. Sign in again, and nothing is missed.')
    expect(await page.locator('#orders li').count()).toBe(0)
    expect(await liveWords(page)).toBe('Signed out')
    await until('no stream is left', async () => (await demo.streams('/store/orders/events')) === 0)
  })

  /** One more order of who is signed in; returns the session's token. */
  async function order(): Promise<string> {
    const { csrf } = (await (await page.request.get(`${demo.url}/store/session`)).json()) as { csrf: string }
    const data = { sku: SKU, quantity: 1, key: crypto.randomUUID() }
    const response = await page.request.post(`${demo.url}/store/purchases`, { data, headers: { 'x-csrf': csrf } })
    expect(response.status()).toBe(201)
    return csrf
  }

  async function secondWindow(path: string): Promise<Page> {
    const other = await page.context().newPage()
    watch(other, problems)
    await other.goto(demo.url + path)
    return other
  }

  /** The number of the order, as the shop tells it. */
  async function buyIn(shop: Page): Promise<string> {
    await shop.locator(`[data-sku="${SKU}"] .buy`).click()
    return until('it is placed', async () => /Order (S-\d+) placed/.exec(await told(shop))?.[1])
  }
})

/** The steps that have been, in the order of the page. */
function stepsOf(order: ReturnType<Page['locator']>): Promise<string[]> {
  return order.locator('.step:is([data-state=done], [data-state=current]) b').allTextContents()
}

async function note(page: Page, words: string): Promise<void> {
  await until(words, async () => (await page.locator('#door-note:visible').allTextContents()).includes(words))
}
