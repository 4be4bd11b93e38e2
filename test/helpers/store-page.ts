import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import type { Product } from '../../demo/server/store/events.js'
import { until } from './until.js'

// Reads the pages of the demo's store.

/** A page in a browser profile of its own. What goes wrong in it is added to `problems`; answers that aren't 2xx aren't wrong by themselves. */
export async function openPage(browser: Browser, url: string, problems: string[], options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(60_000)
  const page = await context.newPage()
  watch(page, problems)
  await page.goto(url)
  return page
}

export function watch(page: Page, problems: string[]): void {
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) problems.push(message.text())
  })
}

export async function liveWords(page: Page): Promise<string> {
  return (await page.locator('#live .state').textContent()) ?? ''
}

/** Waits until the page follows its stream. */
export async function isLive(page: Page, within = 60_000): Promise<void> {
  await until('it is live', async () => (await liveWords(page)) === 'Live', within)
}

export function cardOf(page: Page, sku: string): Locator {
  return page.locator(`.product[data-sku="${sku}"]`)
}

export async function stockOf(page: Page, sku: string): Promise<string> {
  return (await cardOf(page, sku).locator('.stock').textContent()) ?? ''
}

/** Ends all pages, also those whose requests are being answered by the test. */
export async function closePages(browser: Browser): Promise<void> {
  for (const context of browser.contexts()) {
    for (const page of context.pages()) await page.unrouteAll({ behavior: 'ignoreErrors' })
    await context.close()
  }
}

/** What screen readers were told last. */
export async function told(page: Page): Promise<string> {
  return (await page.locator('#status').textContent())?.trim() ?? ''
}

export async function productsOf(url: string): Promise<readonly Product[]> {
  return ((await (await fetch(`${url}/store/products`)).json()) as { products: Product[] }).products
}

/** Buys as a guest, beside all browsers. */
export async function buy(url: string, sku: string, quantity = 1): Promise<void> {
  const response = await fetch(`${url}/store/purchases`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sku, quantity, key: crypto.randomUUID() }),
  })
  if (!response.ok) throw new Error(`${sku} was not bought: ${await response.text()}`)
}

/** Buys until so many are left. */
export async function leave(url: string, { sku, stock }: Product, left: number): Promise<void> {
  for (let rest = stock - left; rest > 0; rest -= 10) await buy(url, sku, Math.min(10, rest))
}

export async function signIn(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Fill in Ada’s account' }).click()
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await until('the door is open', async () => ((await page.locator('#greeting').textContent()) ?? '').startsWith('Hello Ada'))
}
