import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { SseItem, sendSse, type SseOptions } from 'server-sent/node'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { describeInChromium, launchChromium } from '../helpers/chromium.js'
import { until } from '../helpers/until.js'

/** What a plain EventSource has seen. */
interface Seen {
  opens: number
  errors: number
  readyState: number
  items: { event: string; data: string; lastEventId: string }[]
}

describeInChromium('a plain EventSource in Chromium', () => {
  let browser: Browser
  let page: Page
  let server: Server
  let url: string
  let requests: IncomingMessage[]
  let handle: (req: IncomingMessage, res: ServerResponse) => unknown

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  beforeEach(async () => {
    requests = []
    server = createServer((req, res) => {
      if (req.url === '/page') return res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Reader</title>')
      if (req.url === '/favicon.ico') return res.writeHead(404).end()
      requests.push(req)
      return void handle(req, res)
    })
    url = await listen(server)
    page = await browser.newPage()
  })
  afterEach(async () => {
    await page.context().close()
    close(server)
  })

  test('reads strings, JSON, named items, ids and text of every kind', async () => {
    handle = (req, res) =>
      sendSse(req, res, async function* ({ signal }) {
        yield 'Heart Rate: 75 bpm'
        yield { rate: 75, timestamp: '2025-11-04T12:34:56.000Z' }
        yield new SseItem(75, { event: 'heartRate', id: 1, retry: 60_000 })
        yield new SseItem('two\nlines\r\nand é日本😀', { id: 'ü' })
        await once(signal, 'abort')
      })
    await page.goto(`${url}/page`)
    await openSource(`${url}/stream`, ['heartRate'])
    const seen = await until('four items', async () => ((await look()).items.length === 4 ? look() : undefined))
    expect(seen).toEqual({
      opens: 1,
      errors: 0,
      readyState: 1,
      items: [
        { event: 'message', data: 'Heart Rate: 75 bpm', lastEventId: '' },
        { event: 'message', data: '{"rate":75,"timestamp":"2025-11-04T12:34:56.000Z"}', lastEventId: '' },
        { event: 'heartRate', data: '75', lastEventId: '1' },
        { event: 'message', data: 'two\nlines\nand é日本😀', lastEventId: 'ü' },
      ],
    })
  })

  test('reads from another origin with cookies, and comes back there with the last event ID', async () => {
    const other = createServer((_, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Other</title>'))
    const origin = await listen(other)
    try {
      handle = counting({ cors: { origin, credentials: true } }, 2)
      await page.context().addCookies([{ name: 'session', value: 'secret', url }])
      await page.goto(origin)
      await openSource(`${url}/stream`, [], true)
      const { items } = await until('four items', async () => ((await look()).items.length >= 4 ? look() : undefined))
      expect(items.slice(0, 4).map(({ data, lastEventId }) => [data, lastEventId])).toEqual(['1', '2', '3', '4'].map((n) => [n, `é${n}`]))
      const streams = requests.filter(({ method }) => method === 'GET')
      expect(streams[0]?.headers['last-event-id']).toBeUndefined()
      expect(Buffer.from(streams[1]?.headers['last-event-id'] as string, 'latin1').toString()).toBe('é2')
      expect(streams.map(({ headers }) => [headers.origin, headers.cookie]).slice(0, 2)).toEqual([
        [origin, 'session=secret'],
        [origin, 'session=secret'],
      ])

      // A reader made of fetch has to ask before it sends that header.
      await page.evaluate(() => (globalThis as unknown as { close(): void }).close())
      const status = await page.evaluate(async (url) => {
        const response = await fetch(url, { headers: { 'Last-Event-ID': '2' }, credentials: 'include' })
        void response.body?.cancel()
        return response.status
      }, `${url}/asked`)
      expect([status, ...requests.filter((req) => req.url === '/asked').map(({ method }) => method)]).toEqual([200, 'OPTIONS', 'GET'])
    } finally {
      close(other)
    }
  })

  test.each([
    ['without cors', {}],
    ['with another origin allowed', { cors: { origin: 'https://shop.example', credentials: true } }],
  ])('reads nothing from another origin %s', async (_, options) => {
    const other = createServer((_, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Other</title>'))
    try {
      handle = counting(options, 2)
      await page.goto(await listen(other))
      await openSource(`${url}/stream`, [], true)
      await until('the source is closed', async () => (await look()).readyState === 2)
      expect(await look()).toMatchObject({ opens: 0, items: [] })
    } finally {
      close(other)
    }
  })

  test('comes back after the end of a stream, and stays away after one that ended with `reconnect: false`', async () => {
    handle = counting({ reconnect: false, retry: 100 }, 2)
    await page.goto(`${url}/page`)
    const answers: number[] = []
    page.on('response', (response) => void (response.url().endsWith('/stream') && answers.push(response.status())))
    await openSource(`${url}/stream`)
    await until('the source is closed', async () => (await look()).readyState === 2)
    expect(await look()).toMatchObject({ opens: 1, errors: 2, items: [{ data: '1' }, { data: '2' }] })
    // Many times the 100 ms after which it would come back.
    await page.waitForTimeout(2_500)
    expect(answers).toEqual([200, 204])
    expect(requests).toHaveLength(2)
    expect((await look()).readyState).toBe(2)
  })

  /** Each connection counts on after the last event ID for a few items, then ends. */
  function counting(options: SseOptions, count: number): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
    return (req, res) =>
      sendSse(
        req,
        res,
        function* ({ lastEventId }) {
          const last = Number(lastEventId.replace('é', ''))
          for (let n = last + 1; n <= last + count; n++) yield new SseItem(n, { id: options.cors ? `é${n}` : n })
        },
        { retry: 100, ...options },
      )
  }

  function openSource(url: string, events: string[] = [], withCredentials = false): Promise<void> {
    return page.evaluate(
      ([url, events, withCredentials]) => {
        const source = new EventSource(url, { withCredentials })
        const seen: Seen = { opens: 0, errors: 0, readyState: 0, items: [] }
        source.addEventListener('open', () => seen.opens++)
        source.addEventListener('error', () => seen.errors++)
        for (const event of ['message', ...events]) {
          source.addEventListener(event, ({ type, data, lastEventId }) => seen.items.push({ event: type, data, lastEventId }))
        }
        Object.assign(globalThis, { look: () => ({ ...seen, readyState: source.readyState }), close: () => source.close() })
      },
      [url, events, withCredentials] as const,
    )
  }

  function look(): Promise<Seen> {
    return page.evaluate(() => (globalThis as unknown as { look(): Seen }).look())
  }
})

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function close(server: Server): void {
  server.close()
  server.closeAllConnections()
}
