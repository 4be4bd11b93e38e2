// Makes the pictures of the README anew, docs/images/*.png: `npm run screenshots`. It takes two minutes, until the plots are full;
// `npm run screenshots -- 10` waits ten seconds instead.
// `npm run screenshots -- store` takes all states of the store's pages, wide and on a phone, light and dark, to be looked at.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { chromium } from 'playwright-core'
import { root, shown } from './lib/files.mjs'
import { states } from './lib/store-states.mjs'

const plots = [
  { file: 'heart-rate.png', viewport: { width: 1240, height: 900 }, colorScheme: 'light', deviceScaleFactor: 1, top: 'body', whole: true },
  { file: 'heart-rate-phone.png', viewport: { width: 390, height: 780 }, colorScheme: 'dark', deviceScaleFactor: 1.5, top: '#sse-item' },
]
const store = [
  {
    file: 'store.png',
    viewport: { width: 1440, height: 1200 },
    path: '/store',
    // The last one.
    async reach(page) {
      await page.locator('[data-sku="DSK-001"] .buy').click()
      await page.mouse.move(0, 0)
      await page.evaluate(() => window.scrollTo(0, 0))
      await page.locator('.toast').waitFor()
      await setTimeout(2_500)
    },
  },
  {
    file: 'store-sale.png',
    viewport: { width: 1440, height: 1010 },
    path: '/store/sale',
    async reach(page) {
      await states.find(({ name }) => name === 'sale-running')?.reach?.(page)
      await setTimeout(17_000)
    },
  },
]
const screens = [
  { screen: 'wide', viewport: { width: 1440, height: 950 } },
  { screen: 'phone', viewport: { width: 390, height: 844 } },
]

const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => path && existsSync(path))
if (!executablePath) throw new Error('No Chromium found: install it, or set CHROMIUM to its path')
const argument = process.argv[2] ?? '118'
const folder = join(root, 'docs', 'images')
mkdirSync(folder, { recursive: true })

// A store of its own: what somebody has bought in theirs stays as it is.
const data = mkdtempSync(join(tmpdir(), 'server-sent-screenshots-'))
const server = spawn(process.execPath, [join(root, 'scripts', 'start.mjs')], {
  env: { ...process.env, PORT: '0', DATA_DIR: data, DATABASE_URL: '' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const url = await new Promise((resolve, reject) => {
    server.stdout.setEncoding('utf8').on('data', (text) => /http:\S+/.test(text) && resolve(/http:\S+/.exec(text)[0]))
    server.once('exit', (code) => reject(new Error(`The demo has ended with ${code}`)))
  })
  const browser = await chromium.launch({ executablePath, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic'] })
  if (argument === 'store') await takeStates(browser, url)
  else await takePictures(browser, url, Number(argument))
  await browser.close()
} finally {
  const ended = new Promise((resolve) => server.once('exit', resolve))
  server.kill()
  await ended
  rmSync(data, { recursive: true, force: true, maxRetries: 3 })
}

async function takePictures(browser, url, wait) {
  const pages = await Promise.all(plots.map((picture) => open(browser, url, picture)))
  for (const { file, viewport, path, reach } of store) {
    const page = await openStore(browser, url + path, { viewport })
    await reach(page)
    await take(page, file)
  }
  console.log(`Waiting ${wait} s for the plots ...`)
  await setTimeout(wait * 1_000)
  for (const [index, { file, top, whole }] of plots.entries()) {
    await pages[index].evaluate((top) => {
      // The port was any free one; people will see theirs.
      for (const curl of document.querySelectorAll('.curl')) curl.textContent = curl.textContent.replace(/:\d+/, ':5000')
      const { y } = document.querySelector(top).getBoundingClientRect()
      window.scrollTo(0, scrollY + y - 14)
    }, top)
    await take(pages[index], file, whole === true)
  }
}

async function take(page, file, fullPage = false) {
  const path = join(folder, file)
  await page.screenshot({ path, fullPage })
  console.log(`${shown(path)}: ${Math.round(statSync(path).size / 1_000)} kB`)
}

async function takeStates(browser, url) {
  const into = join(root, 'demo', 'dist', 'states')
  mkdirSync(into, { recursive: true })
  for (const { screen, viewport } of screens) {
    for (const colorScheme of ['light', 'dark']) {
      for (const { name, path, reach } of states) {
        const page = await openStore(browser, url + path, { viewport, colorScheme })
        await reach?.(page)
        await page.waitForTimeout(500)
        await page.screenshot({ path: join(into, `${name}-${screen}-${colorScheme}.png`) })
        await page.context().close()
      }
    }
  }
  console.log(`The states of the store's pages are in ${shown(into)}`)
}

/** Once it is there: the first start takes some seconds. */
async function openStore(browser, url, options) {
  const page = await (await browser.newContext(options)).newPage()
  await page.goto(url)
  await page.locator('#live:is([data-state=live], [data-state=stopped])').waitFor()
  return page
}

async function open(browser, url, options) {
  const page = await browser.newPage(options)
  await page.goto(url)
  await page.click('#start-all')
  if (!options.whole) await page.click('#sse-item .wire summary')
  return page
}
