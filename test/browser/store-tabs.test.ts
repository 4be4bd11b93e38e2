import { expect, test } from 'vitest'
import { describeInChromium, launchChromium } from '../helpers/chromium.js'
import { startDemo, type Demo } from '../helpers/demo.js'
import { buy, isLive, liveWords, openPage, stockOf, watch } from '../helpers/store-page.js'
import { openChromium } from '../helpers/tabs.js'
import { until } from '../helpers/until.js'

const TABS = 20
const SKU = 'HOM-001'
const STATE = `document.querySelector('#live .state')?.textContent`
const STOCK = `document.querySelector('[data-sku="${SKU}"] .stock')?.textContent`

// A browser opens six connections to one host over HTTP/1.1, over all its tabs.
describeInChromium('somebody with twenty tabs of the store, over HTTP/1.1,', () => {
  test('loads them all, because those that nobody sees have no connection', async () => {
    await withDemo(async (demo) => {
      const window = await openChromium()
      try {
        const first = await window.open(`${demo.url}/store`)
        await first.see(`${STATE} === 'Live'`, 60_000)
        for (let number = 2; number <= TABS; number++) {
          const tab = await window.open(`${demo.url}/store`)
          await tab.see(`${STATE} === 'Live'`, 60_000)
        }
        expect(await first.see(`${STATE} === 'Paused'`)).toBe(true)
        await until('one stream is left', async () => (await demo.streams('/store/events')) === 1)

        // Other pages load, too.
        const orders = await window.open(`${demo.url}/store/orders`)
        await orders.see(`${STATE} === 'Signed out'`, 60_000)
        // What was missed while nobody saw it is there when it is seen again.
        const before = Number.parseInt((await first.see<string>(STOCK)) ?? '', 10)
        await buy(demo.url, SKU, 3)
        await first.activate()
        await first.see(`${STATE} === 'Live' && ${STOCK} === '${before - 3} in stock'`)
      } finally {
        await window.close()
      }
    })
  }, 400_000)

  test('loads them all also when all are seen at once: four are live, the others ask every few seconds', async () => {
    await withDemo(async (demo) => {
      const browser = await launchChromium()
      const problems: string[] = []
      try {
        const pages = [await openPage(browser, `${demo.url}/store`, problems)]
        await isLive(pages[0]!)
        while (pages.length < TABS) {
          const page = await pages[0]!.context().newPage()
          watch(page, problems)
          await page.goto(`${demo.url}/store`)
          await page.locator('.product .buy').first().waitFor({ timeout: 60_000 })
          pages.push(page)
        }
        const states = async (): Promise<string[]> => Promise.all(pages.map(liveWords))
        await until('each has its way', async () => (await states()).filter((words) => words === 'Live').length === 4, 60_000)
        await until(
          'the others ask',
          async () => (await states()).filter((words) => words === 'Updated every 3 seconds').length === TABS - 4,
          60_000,
        )
        await until('four are followed', async () => (await demo.streams('/store/events')) === 4)

        const before = Number.parseInt(await stockOf(pages[0]!, SKU), 10)
        await buy(demo.url, SKU)
        for (const page of pages) await until('all see it', async () => (await stockOf(page, SKU)) === `${before - 1} in stock`, 60_000)

        // A live one is closed: its place is taken.
        await pages.shift()!.close()
        await until('four are live again', async () => (await states()).filter((words) => words === 'Live').length === 4, 60_000)
        await until('four are followed', async () => (await demo.streams('/store/events')) === 4)
        expect(problems).toEqual([])
      } finally {
        await browser.close()
      }
    })
  }, 400_000)
})

async function withDemo(run: (demo: Demo) => Promise<void>): Promise<void> {
  const demo = await startDemo()
  try {
    await run(demo)
  } finally {
    await demo.stop()
  }
}
