import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { startDemo, type Demo } from '../helpers/demo.js'
import { newFolder, removeFolders } from '../helpers/folders.js'
import { describeWithPostgres, removePostgres, startPostgres } from '../helpers/postgres.js'
import { until } from '../helpers/until.js'
import { createShopper, dataOf, type Shopper } from './shopper.js'

const demos: Demo[] = []
// A first start takes some seconds of a core: where it isn't what is looked at, its outcome is copied.
const made = newFolder()

beforeAll(async () => {
  const { demo, shopper } = await start({ DATA_DIR: made })
  await open(shopper)
  await demo.stop()
})

afterEach(async () => {
  await Promise.all(demos.splice(0).map((demo) => demo.stop('SIGKILL')))
})
afterAll(async () => {
  await removePostgres()
  removeFolders()
})

test('the demo starts without a database; the first visit makes one, and all who come meanwhile wait', async () => {
  const folder = join(newFolder(), 'data')
  const { demo, shopper } = await start({ DATA_DIR: folder })
  expect((await shopper.get('/status')).status).toBe(200)
  expect(existsSync(folder)).toBe(false)
  // Not even a page of the store: the visit alone.
  await fetch(`${demo.url}/store`)
  await until('it is begun', () => existsSync(folder))
  const answers = await Promise.all(
    ['/store/products', '/store/sale/state', '/store/session', '/api/inventory/check?sku=AUD-001'].map((path) => shopper.get(path)),
  )
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  expect(await demo.stop()).toBe(0)
  // Nothing is left that belongs to the process.
  expect(readdirSync(folder).sort()).toEqual(['database', expect.stringMatching(/^hub-/)])
})

test('killed while it makes its database, the next start makes it anew', async () => {
  // Where it was made before we saw it: of no use here.
  const folder = await until('one is killed in the middle of it', async () => {
    const folder = newFolder()
    const { demo } = await start({ DATA_DIR: folder })
    await fetch(`${demo.url}/store`)
    await until('it makes one', () => existsSync(join(folder, 'database.new', 'base')) || existsSync(join(folder, 'database')))
    await demo.stop('SIGKILL')
    return existsSync(join(folder, 'database')) ? undefined : folder
  })
  expect(existsSync(join(folder, 'database.new'))).toBe(true)
  const { shopper } = await start({ DATA_DIR: folder })
  await open(shopper)
  expect((await shopper.products()).products.length).toBeGreaterThan(200)
})

test('ended while it makes its database, it leaves nothing of the process, however long that would have taken', async () => {
  const folder = newFolder()
  const { demo } = await start({ DATA_DIR: folder })
  await fetch(`${demo.url}/store`)
  await until('it is begun', () => existsSync(join(folder, 'database.pid')))
  expect(await demo.stop()).toBe(0)
  expect(readdirSync(folder)).not.toContain('database.pid')
})

test.each([
  ['one that was cut short', (database: string) => truncateSync(join(database, 'global', 'pg_control'), 100)],
  ['one without its files', (database: string) => rmSync(join(database, 'base'), { recursive: true })],
  ['one of another version', (database: string) => writeFileSync(join(database, 'PG_VERSION'), '9\n')],
])('a damaged database, %s: visitors are told what to do, and the rest of the demo goes on', async (_, damage) => {
  const folder = copy()
  damage(join(folder, 'database'))
  const { shopper } = await start({ DATA_DIR: folder })
  const answer = await shopper.get('/store/products')
  expect(answer).toMatchObject({ status: 503, body: { code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/remove that folder/) } })
  expect(answer.body.message).toContain(folder)
  expect(answer.headers.get('retry-after')).toBe('5')
  expect((await shopper.get('/status')).status).toBe(200)
})

test('a store that could not be opened is opened when what was wrong is put right', async () => {
  const folder = copy()
  rmSync(join(folder, 'database', 'global'), { recursive: true })
  const { shopper } = await start({ DATA_DIR: folder })
  expect((await shopper.get('/store/products')).status).toBe(503)
  rmSync(folder, { recursive: true })
  cpSync(made, folder, { recursive: true })
  await open(shopper)
  expect((await shopper.buy('AUD-001')).status).toBe(201)
})

test('a folder that another demo has open is refused, and left alone', async () => {
  const folder = copy()
  const first = await start({ DATA_DIR: folder })
  await open(first.shopper)
  const second = await start({ DATA_DIR: folder })
  const pid = readFileSync(join(folder, 'database.pid'), 'utf8')
  expect(await second.shopper.get('/store/products')).toMatchObject({
    status: 503,
    body: { message: expect.stringContaining(`in use by process ${pid}`) },
  })
  expect(await first.shopper.buy('AUD-001')).toMatchObject({ status: 201 })
  await first.demo.stop('SIGKILL')
  await open(second.shopper)
  expect((await second.shopper.products('?q=AUD-001')).products).toMatchObject([{ version: 1 }])
})

test('a data folder that can’t be one is named', async () => {
  const file = join(newFolder(), 'file')
  writeFileSync(file, '')
  const { shopper } = await start({ DATA_DIR: file })
  expect(await shopper.get('/store/products')).toMatchObject({
    status: 503,
    body: { message: expect.stringContaining(`${file} can't be used`) },
  })
})

test.each([
  ['nobody answers there', 'postgres://shop:secret@127.0.0.1:1/shop', /ECONNREFUSED/],
  ['no PostgreSQL’s', 'mysql://shop:secret@127.0.0.1/shop', /must begin with postgres:/],
  ['no URL', 'postgres://shop:secret@[/shop', /can't be used/],
])('a DATABASE_URL that is %s: one clear line, without the password, and the rest of the demo goes on', async (_, url, words) => {
  const folder = join(newFolder(), 'data')
  const { shopper, demo } = await start({ DATABASE_URL: url, DATA_DIR: folder })
  for (const path of ['/store/products', '/store/events', '/store/session']) {
    const { status, body, headers } = await shopper.get(path)
    expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'STORE_UNAVAILABLE', '5'])
    expect(body.message).toMatch(words)
    expect(body.message).toContain('DATABASE_URL')
    expect(body.message).not.toContain('secret')
  }
  expect((await shopper.get('/status')).status).toBe(200)
  expect(existsSync(folder)).toBe(false)
  expect(await demo.stop()).toBe(0)
})

test('a setting that makes no sense ends the demo with a word', async () => {
  await expect(startDemo(0, { STORE_STEP_MS: 'soon' })).rejects.toThrow(
    /ended with 2: .*STORE_STEP_MS must be a whole number of milliseconds, at least 1: "soon"/s,
  )
})

describeWithPostgres('a store on PostgreSQL', () => {
  test('while the server is away visitors are told; then it goes on by itself, and so do the streams', async () => {
    const server = await startPostgres()
    const { shopper } = await start({ DATABASE_URL: server.url(), DATA_DIR: newFolder() })
    const stream = shopper.follow('/store/events')
    await until('it follows', () => stream.opened.length > 0)
    await server.kill()
    expect(await shopper.get('/store/products')).toMatchObject({ status: 503, body: { code: 'STORE_UNAVAILABLE' } })
    expect((await shopper.buy('AUD-001')).status).toBe(503)
    await server.start()
    await until('it sells again', async () => (await shopper.buy('AUD-002')).status === 201)
    await stream.first('and tells', (item) => item.event === 'stock' && item.data.sku === 'AUD-002')
    expect(stream.opened).toHaveLength(1)
    stream.close()
  })

  test('two demos with one database and one data folder see each other’s sales, also when the first is killed', async () => {
    const server = await startPostgres()
    const env = { DATABASE_URL: server.url(), DATA_DIR: newFolder() }
    const [one, two] = [await start(env), await start(env)]
    // At the same time: each migration is done once.
    await Promise.all([one.shopper.products(), two.shopper.products()])
    const streams = [one.shopper.follow('/store/events'), two.shopper.follow('/store/events')]
    await until('both follow', () => streams.every(({ opened }) => opened.length > 0))
    await one.shopper.order('AUD-001')
    await two.shopper.order('AUD-002')
    for (const { items, first } of streams) {
      await first('the last of both', (item) => item.event === 'stock' && item.data.sku === 'AUD-002')
      await first('the first of both', (item) => item.event === 'stock' && item.data.sku === 'AUD-001')
      expect(dataOf(items, 'stock')).toHaveLength(2)
    }
    await one.demo.stop('SIGKILL')
    await two.shopper.order('AUD-003')
    await streams[1]?.first('what comes later', (item) => item.event === 'stock' && item.data.sku === 'AUD-003')
    for (const { close } of streams) close()
  })

  test('while it opens requests wait; who has waited long enough is told to ask again', async () => {
    const server = await startPostgres()
    const client = await server.connect()
    // As if another demo were about to make the tables.
    await client.query('SELECT pg_advisory_lock(7233001)')
    const env = { DATABASE_URL: server.url(), DATA_DIR: newFolder() }
    const { shopper: patient } = await start(env)
    const waiting = patient.get('/store/products')
    const { shopper: impatient } = await start({ ...env, STORE_PATIENCE_MS: '1000' })
    const answer = await impatient.get('/store/products')
    expect(answer).toMatchObject({ status: 503, body: { code: 'STORE_OPENING' } })
    expect(answer.headers.get('retry-after')).toBe('1')
    await client.end()
    expect((await waiting).status).toBe(200)
    await open(impatient)
  })

  test('a database of a later version is refused by name', async () => {
    const server = await startPostgres()
    const env = { DATABASE_URL: server.url(), DATA_DIR: newFolder() }
    const first = await start(env)
    await first.shopper.products()
    await first.demo.stop()
    await server.query("INSERT INTO store.migrations (id, name) VALUES (99, 'teleport')")
    const { shopper } = await start(env)
    expect(await shopper.get('/store/products')).toMatchObject({
      status: 503,
      body: { message: expect.stringContaining('migration 99 "teleport"') },
    })
  })
})

/** A data folder that has been opened before. */
function copy(): string {
  const folder = newFolder()
  cpSync(made, folder, { recursive: true })
  return folder
}

async function open(shopper: Shopper): Promise<void> {
  await until('the store is open', async () => (await shopper.get('/store/products')).status === 200, 100_000)
}

async function start(env: Record<string, string>): Promise<{ demo: Demo; shopper: Shopper }> {
  if (env['DATA_DIR'] !== undefined) mkdirSync(join(env['DATA_DIR'], '..'), { recursive: true })
  const demo = await startDemo(0, env)
  demos.push(demo)
  return { demo, shopper: createShopper(demo.url.replace('localhost', '127.0.0.1')) }
}
