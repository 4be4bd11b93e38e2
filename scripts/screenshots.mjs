// Makes the pictures of the README anew, docs/images/*.png: `npm run screenshots`. It takes two minutes, until the plots are full;
// `npm run screenshots -- 10` waits ten seconds instead.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { chromium } from 'playwright-core'
import { root, shown } from './lib/files.mjs'

const pictures = [
  { file: 'heart-rate.png', viewport: { width: 1240, height: 900 }, colorScheme: 'light', deviceScaleFactor: 1, top: 'body', whole: true },
  { file: 'heart-rate-phone.png', viewport: { width: 390, height: 780 }, colorScheme: 'dark', deviceScaleFactor: 1.5, top: '#sse-item' },
]

const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => path && existsSync(path))
if (!executablePath) throw new Error('No Chromium found: install it, or set CHROMIUM to its path')
const wait = Number(process.argv[2] ?? 118)
const folder = join(root, 'docs', 'images')
mkdirSync(folder, { recursive: true })

const server = spawn(process.execPath, [join(root, 'scripts', 'start.mjs')], {
  env: { ...process.env, PORT: '0' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const url = await new Promise((resolve, reject) => {
    server.stdout.setEncoding('utf8').on('data', (text) => /http:\S+/.test(text) && resolve(/http:\S+/.exec(text)[0]))
    server.once('exit', (code) => reject(new Error(`The demo has ended with ${code}`)))
  })
  const browser = await chromium.launch({ executablePath, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic'] })
  const pages = await Promise.all(pictures.map((picture) => open(browser, url, picture)))
  console.log(`Waiting ${wait} s for the plots ...`)
  await setTimeout(wait * 1_000)
  for (const [index, { file, top, whole }] of pictures.entries()) {
    const path = join(folder, file)
    await pages[index].evaluate((top) => {
      // The port was any free one; people will see theirs.
      for (const curl of document.querySelectorAll('.curl')) curl.textContent = curl.textContent.replace(/:\d+/, ':5000')
      const { y } = document.querySelector(top).getBoundingClientRect()
      window.scrollTo(0, scrollY + y - 14)
    }, top)
    await pages[index].screenshot({ path, fullPage: whole === true })
    console.log(`${shown(path)}: ${Math.round(statSync(path).size / 1_000)} kB`)
  }
  await browser.close()
} finally {
  server.kill()
}

async function open(browser, url, options) {
  const page = await browser.newPage(options)
  await page.goto(url)
  await page.click('#start-all')
  if (!options.whole) await page.click('#sse-item .wire summary')
  return page
}
