import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, expect, test } from 'vitest'
import { startDemo, type Demo } from '../helpers/demo.js'
import { newFolder, removeFolders } from '../helpers/folders.js'
import { describeWithPostgres, removePostgres, startPostgres } from '../helpers/postgres.js'
import { mountTmpfs } from '../helpers/tmpfs.js'
import { until } from '../helpers/until.js'
import { createShopper, type Shopper } from './shopper.js'

const demos: Demo[] = []

afterEach(async () => {
  await Promise.all(demos.splice(0).map((demo) => demo.stop('SIGKILL')))
})
afterAll(async () => {
  await removePostgres()
  removeFolders()
})

describeWithPostgres('a store on PostgreSQL whose data folder is none', () => {
  test('is closed with a word that names it, sells nothing, and opens when it is one', async () => {
    const server = await startPostgres()
    const folder = join(newFolder(), 'data')
    writeFileSync(folder, '')
    const { shopper, demo } = await start({ DATABASE_URL: server.url(), DATA_DIR: folder })
    const closed = { status: 503, body: { code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/DATA_DIR/) } }
    for (const path of ['/store/products', '/store/events', '/store/sale/state']) {
      const answer = await shopper.get(path)
      expect(answer).toMatchObject(closed)
      expect(answer.body.message).toContain(folder)
    }
    expect(await shopper.buy('AUD-001')).toMatchObject(closed)
    rmSync(folder)
    await until('it is open', () => shopper.products())
    expect(await shopper.buy('AUD-001')).toMatchObject({ status: 201, body: { version: 1 } })
    expect(await demo.stop()).toBe(0)
  })
})

test('a full disk is said; what it refuses has not happened, and it sells again when there is room', async () => {
  const made = newFolder()
  const first = await start({ DATA_DIR: made })
  await until('the store is open', () => first.shopper.products(), 60_000)
  await first.demo.stop()
  const folder = mountTmpfs(80 * 2 ** 20)
  if (folder === undefined) return
  cpSync(made, folder, { recursive: true })

  const { shopper, demo } = await start({ DATA_DIR: folder })
  const { products, lastEventId } = await until('the store is open', () => shopper.products(), 60_000)
  const stocked = products.filter(({ stock }) => stock > 10)
  const stream = shopper.follow('/store/events', { lastEventId })
  fill(join(folder, 'filler'))
  // Its log has room for some.
  const answers: Awaited<ReturnType<Shopper['buy']>>[] = []
  for (let tries = 0; tries < 2_000 && !answers.some(({ status }) => status !== 201); tries += 10) {
    answers.push(...(await Promise.all(stocked.slice(0, 10).map(({ sku }) => shopper.buy(sku, 1)))))
    // Those that are sold out make room for others.
    if (answers.filter(({ status }) => status === 201).length % 100 === 0) stocked.push(...stocked.splice(0, 10))
  }
  expect(answers.find(({ status }) => status !== 201)).toMatchObject({
    status: 503,
    body: { code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/No space left/) },
  })
  rmSync(join(folder, 'filler'))
  const later = await until('it sells again', async () => {
    const answer = await shopper.buy('AUD-001')
    return answer.status === 201 ? answer.body : undefined
  })
  answers.push({ status: 201, body: later, headers: new Headers() })
  await stream.first('and tells', (item) => item.event === 'stock' && item.data.sku === 'AUD-001' && item.data.version === later.version)
  stream.close()

  const before = new Map(products.map((product) => [product.sku, product]))
  const sold = answers.filter(({ status }) => status === 201)
  for (const { sku, stock, version } of (await shopper.products()).products) {
    const pieces = sold.filter(({ body }) => body.sku === sku).length
    expect([sku, stock, version]).toEqual([sku, (before.get(sku)?.stock ?? 0) - pieces, pieces])
  }
  expect(await demo.stop()).toBe(0)
}, 180_000)

test('clients who leave in the middle of what they send are no trouble to the server', async () => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../scripts/start.mjs', import.meta.url))], {
    env: { ...process.env, DATABASE_URL: '', DATA_DIR: newFolder(), PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (printed += text))
  try {
    const [url] = await until('it has started', () => /http:\/\/localhost:\d+/.exec(printed))
    const shopper = createShopper(url.replace('localhost', '127.0.0.1'))
    await until('the store is open', () => shopper.products(), 60_000)
    for (const path of ['/store/purchases', '/store/session', '/store/sale/state', '/patterns/notifications']) {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"sku": `)
      const counts = async () => (await shopper.get<{ streams: Record<string, number> }>('/status')).body.streams[path] ?? 0
      await until('it reads', async () => (await counts()) === 1)
      socket.destroy()
      await until('it has noticed', async () => (await counts()) === 0)
    }
    expect((await shopper.buy('AUD-001')).body.version).toBe(1)
    expect(printed.trim().split('\n')).toEqual([expect.stringContaining('The demo is on')])
  } finally {
    const ended = once(child, 'close')
    child.kill('SIGKILL')
    await ended
  }
}, 90_000)

async function start(env: Record<string, string>): Promise<{ demo: Demo; shopper: Shopper }> {
  const demo = await startDemo(0, env)
  demos.push(demo)
  return { demo, shopper: createShopper(demo.url.replace('localhost', '127.0.0.1')) }
}

/** With a file, until nothing more goes in. */
function fill(path: string): void {
  for (const size of [2 ** 20, 2 ** 12, 1]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size), { flag: existsSync(path) ? 'a' : 'w' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
}
