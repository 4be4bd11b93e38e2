import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { startDemo, type Demo } from '../helpers/demo.js'
import { createFaultProxy, type FaultProxy } from '../helpers/fault-proxy.js'
import { newFolder, removeFolders } from '../helpers/folders.js'
import { describeWithPostgres, removePostgres, startPostgres, type PostgresServer } from '../helpers/postgres.js'
import { until } from '../helpers/until.js'
import { createShopper, type Shopper } from './shopper.js'
import { closeAll, untilEnd } from './stores.js'

const SALE = 'AUD-001'
// How long the shop may take to find out that nobody answers any more, and its database that nobody asks: both in waits of its own.
const WITHIN = 60_000

const demos: Demo[] = []

closeAll()

afterEach(async () => {
  await Promise.all(demos.splice(0).map((demo) => demo.stop('SIGKILL')))
})
afterAll(async () => {
  await removePostgres()
  removeFolders()
})

describeWithPostgres('a store whose PostgreSQL is far away', () => {
  test('500 people at once still buy exactly 50 pieces, and all others are told kindly', async () => {
    const { server, proxy } = await far()
    const { shopper } = await start(server, proxy, { STORE_SALE_LEAD_MS: '1', STORE_SALE_MS: '600000' })
    await shopper.send('POST', '/store/sale/state', { action: 'start', crowd: 0 })
    await until('the sale runs', async () => (await shopper.sale()).sale.state === 'running')
    proxy.latency(15)
    const answers = await Promise.all(Array.from({ length: 500 }, () => shopper.buy(SALE)))
    const counts: Record<string, number> = {}
    for (const { status, body } of answers) counts[body.code ?? status] = (counts[body.code ?? status] ?? 0) + 1
    expect(counts).toEqual({ 201: 50, SOLD_OUT: 450 })
  }, 90_000)

  test('connections on which no answer comes any more are given up; what happens is sold and told over new ones', async () => {
    const { server, proxy } = await far()
    const { shopper } = await start(server, proxy)
    const stream = untilEnd(shopper.follow('/store/events'))
    await until('it follows', () => stream.opened.length > 0)
    await shopper.order('GAR-001')
    await stream.first('the first', (item) => item.event === 'stock' && item.data.sku === 'GAR-001')
    // As a firewall does that has forgotten them: neither bytes nor an end.
    const old = proxy.accepted
    proxy.halfOpen({ only: ({ number }) => number <= old })
    await until('it sells', async () => (await shopper.buy('GAR-002')).status === 201, WITHIN)
    await stream.first('and tells', (item) => item.event === 'stock' && item.data.sku === 'GAR-002', WITHIN)
    expect(stream.opened).toHaveLength(1)
  }, 150_000)

  test('a demo whose computer is gone in the middle of a purchase keeps neither the product nor the news from others', async () => {
    const { server, proxy } = await far()
    const one = await start(server, proxy)
    await one.shopper.order('GAR-001')
    const client = await server.connect('shop')
    await client.query('BEGIN')
    await client.query("SELECT FROM store.stock WHERE sku = 'GAR-003' FOR UPDATE")
    const lost = one.shopper.buy('GAR-003').catch(() => {})
    await until('it waits for the product', async () => {
      const waiting = await server.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'", [], 'shop')
      return waiting.length > 0
    })
    // Its database hears nothing of its end.
    proxy.halfOpen()
    await one.demo.stop('SIGKILL')
    await client.query('COMMIT')
    await client.end()
    await lost

    const two = await start(server, undefined, { DATA_DIR: one.folder })
    const stream = untilEnd(two.shopper.follow('/store/events'))
    await until('it follows', () => stream.opened.length > 0)
    await until('the other one sells it', async () => (await two.shopper.buy('GAR-003')).status === 201, WITHIN)
    await stream.first('and tells', (item) => item.event === 'stock' && item.data.sku === 'GAR-003', WITHIN)
    // The purchase that was cut off is none.
    expect((await two.shopper.products('?q=GAR-003')).products).toMatchObject([{ version: 1 }])
  }, 150_000)
})

describeWithPostgres('two demos on one PostgreSQL', () => {
  test('a sale that one has announced begins and ends on time when that one is killed', async () => {
    const server = await startPostgres()
    await server.createDatabase('shop')
    const env = { STORE_SALE_LEAD_MS: '2000', STORE_SALE_MS: '4000' }
    const one = await start(server, undefined, env)
    const two = await start(server, undefined, { ...env, DATA_DIR: one.folder })
    expect((await one.shopper.send('POST', '/store/sale/state', { action: 'start', crowd: 100 })).status).toBe(202)
    await one.demo.stop('SIGKILL')
    await until('it runs', async () => (await two.shopper.sale()).sale.state === 'running', 20_000)
    await until('with its crowd', async () => (await two.shopper.sale()).sale.sold > 0)
    await until('it ends', async () => (await two.shopper.sale()).sale.state === 'ended', 20_000)
  }, 90_000)
})

async function far(): Promise<{ server: PostgresServer; proxy: FaultProxy }> {
  const server = await startPostgres()
  await server.createDatabase('shop')
  return { server, proxy: await createFaultProxy({ port: server.port }) }
}

/** A demo that is open, on the server or through the proxy. */
async function start(
  server: PostgresServer,
  proxy: FaultProxy | undefined,
  env: Record<string, string> = {},
): Promise<{ demo: Demo; shopper: Shopper; folder: string }> {
  const folder = env['DATA_DIR'] ?? join(newFolder(), 'data')
  mkdirSync(folder, { recursive: true })
  const url = new URL(server.url('shop'))
  if (proxy) url.port = String(proxy.port)
  const demo = await startDemo(0, { ...env, DATABASE_URL: url.href, DATA_DIR: folder })
  demos.push(demo)
  const shopper = createShopper(demo.url.replace('localhost', '127.0.0.1'))
  await until('the store is open', () => shopper.products(), 60_000)
  return { demo, shopper, folder }
}
