import { expect, test } from 'vitest'
import { describeInChromium } from '../helpers/chromium.js'
import { startDemo, type Demo } from '../helpers/demo.js'
import { firefoxPath, openFirefox } from '../helpers/firefox.js'
import { freePort } from '../helpers/ports.js'
import { openChromium, type Window } from '../helpers/tabs.js'
import { until } from '../helpers/until.js'

const PATHS = ['/string-item', '/json-item', '/sse-item', '/vitals', '/ward']

const browsers: [name: string, open: () => Promise<Window>][] = [['Chromium', openChromium]]
if (firefoxPath) browsers.push(['Firefox', openFirefox])

// What the page knows: the states of its cards, and the ids of its log, newest first.
const STATES = `Array.from(document.querySelectorAll('.state'), ({ textContent }) => textContent).join()`
const ALL_LIVE = `${STATES} === 'Live,Live,Live,Live,Live'`
const START_ALL = `document.visibilityState === 'visible' && document.querySelectorAll('.start').length === 5 && (document.querySelector('#start-all').click(), true)`
const IDS = `Array.from(document.querySelectorAll('#sse-item tbody tr'), (row) => Number(row.cells[2].textContent))`
const ITEM_STATE = `document.querySelector('#sse-item .state').textContent`

describeInChromium('the heart-rate page in a window of', () => {
  test.concurrent.each(browsers)(
    '%s: of three tabs over HTTP/1.1 only the visible one holds connections, so that the third still loads',
    async (_, openWindow) => {
      await withWindow(openWindow, async (demo, window) => {
        const first = await window.open(demo.url)
        await first.see(START_ALL)
        await first.see(ALL_LIVE)
        const second = await window.open(demo.url)
        await second.see(START_ALL)
        await second.see(ALL_LIVE)
        expect(await first.see(`${STATES} === '${PATHS.map(() => 'Paused while hidden').join()}'`)).toBe(true)

        const third = await window.open(demo.url)
        await third.see(START_ALL)
        await third.see(ALL_LIVE)
        await until(
          'a stream of each is left',
          async () => (await Promise.all(PATHS.map((path) => demo.streams(path)))).join() === '1,1,1,1,1',
        )
        await second.see(`document.visibilityState === 'hidden'`)

        // Shown again, it goes on by itself, and what came while it was hidden has come all the same.
        await first.activate()
        await first.see(ALL_LIVE)
        await until(
          'a stream of each is left',
          async () => (await Promise.all(PATHS.map((path) => demo.streams(path)))).join() === '1,1,1,1,1',
        )
        await first.see(`${IDS}.length > 2`)
        expectNoHole(await first.see(IDS))

        // The same page after its server was lost and has come back.
        await demo.stop('SIGKILL')
        await first.see(`/^Reconnecting in (60|5\\d) s$/.test(${ITEM_STATE})`)
        const back = await startDemo(demo.port)
        try {
          await first.see(`(document.querySelector('#sse-item .reconnect').click(), true)`)
          const count = await first.see<number>(`${IDS}.length`)
          await first.see(`${ITEM_STATE} === 'Live' && ${IDS}.length > ${count}`)
          expectNoHole(await first.see(IDS))
        } finally {
          await back.stop()
        }
      })
    },
  )
})

async function withWindow(open: () => Promise<Window>, run: (demo: Demo, window: Window) => Promise<void>): Promise<void> {
  const demo = await startDemo(await freePort())
  try {
    const window = await open()
    try {
      await run(demo, window)
    } finally {
      await window.close()
    }
  } finally {
    await demo.stop()
  }
}

function expectNoHole(ids: number[]): void {
  expect(ids).toEqual(ids.map((_, index) => (ids[0] as number) - index))
}
