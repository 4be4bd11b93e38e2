import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type EventStream } from 'server-sent/client'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { startServer, type Server } from '../cli/process.js'
import { describeInChromium, launchChromium } from '../helpers/chromium.js'
import { newFolder, removeFolders } from '../helpers/folders.js'
import { describeWithNginx, startNginx } from '../helpers/nginx.js'
import { freePort } from '../helpers/ports.js'
import { describeWithRedis, removeRedis, startRedis } from '../helpers/redis.js'
import { session2, sleep, when } from '../helpers/servers.js'
import { tls } from '../helpers/tls.js'

const example = readFileSync(new URL('../../examples/nginx/server-sent.conf', import.meta.url), 'utf8')

interface Setting {
  readonly nodes: readonly [Server, Server]
  /** nginx in clear text, and with TLS. */
  readonly url: string
  readonly secureUrl: string
}

/** Two nodes on one Redis, and nginx in front of them as the example says. */
async function start(): Promise<Setting> {
  const redis = await startRedis({ appendonly: 'always' })
  const node = (): Promise<Server> =>
    startServer('--engine', redis.url, '--trust-proxy', '--drain-within', '1', '--allow-host', 'live.example.com')
  const nodes = await Promise.all([node(), node()])
  const [port, securePort] = await Promise.all([freePort(), freePort()])
  const folder = newFolder()
  writeFileSync(join(folder, 'cert'), tls.cert)
  writeFileSync(join(folder, 'key'), tls.key, { mode: 0o600 })
  const conf = [
    ['127.0.0.1:5001 max_fails', `${new URL(nodes[0].url).host} max_fails`],
    ['127.0.0.1:5002 max_fails', `${new URL(nodes[1].url).host} max_fails`],
    ['listen 443 ssl http2;', `listen 127.0.0.1:${securePort} ssl http2; listen 127.0.0.1:${port};`],
    ['/etc/ssl/live.example.com.pem', join(folder, 'cert')],
    ['/etc/ssl/live.example.com.key', join(folder, 'key')],
  ].reduce((text, [from = '', to = '']) => {
    expect(text.split(from)).toHaveLength(2)
    return text.replace(from, to)
  }, example)
  await startNginx(conf, port)
  return { nodes, url: `http://127.0.0.1:${port}`, secureUrl: `https://127.0.0.1:${securePort}` }
}

interface Client {
  /** The numbers that came; a gap is NaN. */
  readonly seen: readonly number[]
  readonly stream: EventStream<unknown>
  readonly reconnects: number
}

function follow(url: string): Client {
  const seen: number[] = []
  const client = {
    seen,
    reconnects: 0,
    stream: connect(`${url}/events?topic=a`, { reconnect: { min: 20, max: 200 }, onReconnect: () => client.reconnects++ }),
  }
  void (async () => {
    for await (const { event, data } of client.stream) seen.push(event === 'gap' ? NaN : Number(data))
  })().catch(() => seen.push(NaN))
  onTestFinished(() => client.stream.close())
  return client
}

/** Repeats with the same key until it is stored, as clients do. Answers how often it had to be said. */
async function publish(url: string, number: number): Promise<number> {
  const key = randomUUID()
  for (let tries = 1; ; tries++) {
    const response = await fetch(`${url}/topics/a`, {
      method: 'POST',
      body: String(number),
      headers: { 'Idempotency-Key': key, 'Content-Type': 'text/plain' },
    }).catch(() => undefined)
    await response?.arrayBuffer().catch(() => undefined)
    if (response?.status === 201) return tries
    if (tries === 500) throw new Error(`Not published: ${response?.status}`)
    await sleep(100)
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

afterAll(async () => {
  await removeRedis()
  removeFolders()
})

describeWithRedis('behind nginx', () =>
  describeWithNginx('behind nginx', () => {
    test('an item comes through at once: nothing is buffered', async () => {
      const { url, secureUrl } = await start()
      const { seen, stream } = follow(url)
      const session = await session2(secureUrl, { rejectUnauthorized: false })
      const secure = session.request({ ':path': '/events?topic=a' })
      let text = ''
      secure.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      await when(() => stream.lastEventId !== '' && text.includes('id: '))
      for (const number of upTo(5)) {
        await publish(url, number)
        await when(() => seen.length >= number && text.includes(`data: ${number}\n`))
      }
      expect(seen).toEqual(upTo(5))
    })

    test.each(['SIGTERM', 'SIGKILL'] as const)(
      'a node is taken out by %s: its clients go on with the other one, and nothing is lost',
      async (signal) => {
        const { nodes, url } = await start()
        const clients = Array.from({ length: 40 }, () => follow(url))
        await when(() => clients.every(({ stream }) => stream.lastEventId !== ''))

        const told = { published: 0, repeats: 0, ended: false }
        const more = async (count: number): Promise<void> => {
          for (const end = told.published + count; told.published < end; told.published++)
            told.repeats += (await publish(url, told.published + 1)) - 1
        }
        await more(20)
        nodes[0].signal(signal)
        void nodes[0].ended.then(() => (told.ended = true))
        while (!told.ended) await more(1)
        await more(40)

        await when(
          () => clients.every(({ seen }) => seen.length >= told.published),
          () => `all ${told.published}: ${clients.map(({ seen }) => seen.length).join()}`,
        )
        for (const { seen } of clients) expect(seen).toEqual(upTo(told.published))
        // It had readers, and they went.
        const moved = clients.filter(({ reconnects }) => reconnects > 0).length
        expect(moved).toBeGreaterThan(0)
        expect(moved).toBeLessThan(40)
        // A node that says that it goes has every publish answered.
        expect(signal === 'SIGTERM' ? told.repeats : 0).toBe(0)
      },
    )

    describeInChromium('behind nginx', () => {
      test('over HTTP/2 a page has twenty streams where HTTP/1.1 stops at six', async () => {
        const { nodes, url, secureUrl } = await start()
        const browser = await launchChromium()
        onTestFinished(() => browser.close())
        const page = async (base: string) => {
          const opened = await browser.newPage({ ignoreHTTPSErrors: true })
          await opened.goto(`${base}/health`)
          await opened.evaluate(`
            window.state = { open: 0, items: 0 }
            for (let n = 0; n < 20; n++) {
              const source = new EventSource('/events?topic=a')
              source.onopen = () => state.open++
              source.onmessage = () => state.items++
            }`)
          return { state: () => opened.evaluate('state') as Promise<{ open: number; items: number }>, close: () => opened.close() }
        }
        const old = await page(url)
        let state = { open: 0, items: 0 }
        while ((state = await old.state()).open < 6) await sleep(20)
        await sleep(300)
        expect(await old.state()).toEqual({ open: 6, items: 0 })
        await old.close()

        const secure = await page(secureUrl)
        while ((state = await secure.state()).open < 20) await sleep(20)
        await publish(nodes[0].url, 1)
        while ((state = await secure.state()).items < 20) await sleep(20)
        expect(state).toEqual({ open: 20, items: 20 })
      })
    })
  }),
)
