import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { STATUSES } from '../../demo/server/store/events.js'
import { until } from '../helpers/until.js'
import { ADA, GRACE, dataOf, type Following, type Shopper } from './shopper.js'
import { closeAll, describeStores, untilEnd, useStand, type Stand } from './stores.js'
import { describeWithPostgres, startPostgres } from '../helpers/postgres.js'

const ROUNDS = 5
const BUYERS = 8
// Those of the relay: see relay.ts.
const RELAY_LOCK = 7_233_002

interface Wish {
  readonly customer: Shopper
  readonly sku: string
  readonly key: string
  /** Its order; null when it was sold out. Unknown as long as there was no answer. */
  order?: number | null
}

closeAll()

describeStores('a store that is killed again and again while it sells', { STORE_STEP_MS: '200' }, (stand) => {
  test('every order is told exactly once, in step with the database, and nothing that did not happen', async () => {
    const customers = [stand().shopper(), stand().shopper()] as const
    await customers[0].signIn(ADA)
    await customers[1].signIn(GRACE)
    const began = await Promise.all(customers.map((customer) => customer.orders()))
    const before = await shelf(stand().shopper())
    const skus = Object.keys(before).filter((sku) => (before[sku]?.stock ?? 0) > 20)
    const live = untilEnd(stand().shopper().follow('/store/events?category=garden'))
    await until('it follows', () => live.opened.length > 0)

    const wishes: Wish[] = []
    for (let round = 0; round < ROUNDS; round++) {
      // By what was sold, not by time: some are answered, and others on their way.
      const enough = BUYERS + 1 + Math.floor(Math.random() * 3 * BUYERS)
      let answers = 0
      const kill = { isDone: false }
      const buyers = Array.from({ length: BUYERS }, async (_, index) => {
        while (!kill.isDone) {
          const wish: Wish = {
            customer: customers[index % 2] as Shopper,
            sku: skus[wishes.length % skus.length] as string,
            key: randomUUID(),
          }
          wishes.push(wish)
          // Cut off by the kill: whether it was bought is not known.
          const answer = await wish.customer.buy(wish.sku, 1, wish.key).catch(() => undefined)
          if (answer) note(wish, answer)
          if (answer) answers++
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 40))
        }
      })
      await until('enough is sold', () => answers >= enough)
      const restarted = stand().restart('SIGKILL')
      kill.isDone = true
      await Promise.all([...buyers, restarted])
      // Those who don't know ask again, with the same key.
      for (const wish of wishes.filter(({ order }) => order === undefined)) note(wish, await wish.customer.buy(wish.sku, 1, wish.key))
    }

    // What was confirmed is there, one order for each key.
    const bought = wishes.filter(({ order }) => order !== null)
    expect(bought.length).toBeGreaterThan(ROUNDS * BUYERS)
    expect(new Set(bought.map(({ order }) => order)).size).toBe(bought.length)
    const after = await shelf(stand().shopper())
    for (const sku of skus) {
      const sold = bought.filter((wish) => wish.sku === sku).length
      expect([sku, after[sku]]).toEqual([sku, { stock: (before[sku]?.stock ?? 0) - sold, version: sold }])
    }

    for (const [index, customer] of customers.entries()) {
      const mine = bought.filter((wish) => wish.customer === customer).map(({ order }) => order as number)
      const stream = untilEnd(customer.follow('/store/orders/events', { lastEventId: began[index]?.lastEventId ?? '' }))
      await allDelivered(stream, mine)
      expectEachStepOnce(stream, mine)
    }

    expect(dataOf(live.items, 'gap')).toEqual([])
    for (const sku of skus) {
      await live.first(
        `the last stock of ${sku}`,
        ({ event, data }) => event === 'stock' && data.sku === sku && data.version === after[sku]?.version,
      )
      const told = dataOf(live.items, 'stock').filter((data) => data.sku === sku)
      expect(told.at(-1)).toMatchObject(after[sku] ?? {})
      // Every value is one that was, each one later than the one before.
      expect(told.map(({ stock, version }) => stock + version)).toEqual(told.map(() => before[sku]?.stock))
      const versions = told.map(({ version }) => version)
      expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b))
    }
    // Five restarts take long where everything does.
  }, 400_000)
})

describeWithPostgres('a store that is killed', () => {
  const stand = useStand({ STORE_STEP_MS: '300000' }, startPostgres)

  test('after the commit and before the hub has it: it comes when the server is there again', async () => {
    const { customer, stream } = await following(stand())
    // Nobody else may be the relay as long as somebody is: so nothing is handed on.
    const session = await holdRelay(stand())
    const order = await customer.order('GAR-002')
    expect(await outbox(stand())).toBe(2)
    await stand().demo.stop('SIGKILL')
    await session.end()
    expect(dataOf(stream.items, 'order')).toEqual([])
    await stand().restart()
    await stream.first('it comes', (item) => item.event === 'order' && item.data.id === order)
    await until('the outbox is empty', async () => (await outbox(stand())) === 0)
    expectTold(stream, [order])
  })

  test('after the hub has it and before that is noted: it comes once', async () => {
    const { customer, stream } = await following(stand())
    const stock = untilEnd(customer.follow('/store/events?sku=GAR-006'))
    await until('it follows', () => stock.opened.length > 0)
    // The relay's note is never finished.
    await sql(stand(), 'CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$')
    await sql(stand(), 'CREATE TRIGGER hold BEFORE DELETE ON store.outbox FOR EACH STATEMENT EXECUTE FUNCTION hold()')
    const order = await customer.order('GAR-006')
    await stream.first('it comes', (item) => item.event === 'order' && item.data.id === order)
    await stock.first('and the stock', (item) => item.event === 'stock')
    await stand().demo.stop('SIGKILL')
    expect(await outbox(stand())).toBe(2)
    await sql(stand(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DELETE FROM store.outbox%'")
    await sql(stand(), 'DROP TRIGGER hold ON store.outbox')
    await stand().restart()
    await customer.orders()
    await until('the outbox is empty', async () => (await outbox(stand())) === 0)
    const later = await customer.buy('GAR-006')
    await stream.first('the next comes', (item) => item.event === 'order' && item.data.id === later.body.order)
    await stock.first('the next comes', (item) => item.event === 'stock' && item.data.version === later.body.version)
    expectTold(stream, [order, later.body.order])
    expect(dataOf(stock.items, 'stock')).toHaveLength(2)
  })

  test('what fails at the commit is never told, and takes nothing', async () => {
    const { customer, stream } = await following(stand())
    const stock = untilEnd(customer.follow('/store/events?sku=GAR-003'))
    await until('it follows', () => stock.opened.length > 0)
    const before = await customer.get<{ items: unknown }>('/api/inventory/check?sku=GAR-003')
    await sql(stand(), "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$")
    await sql(
      stand(),
      'CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON store.outbox DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()',
    )
    expect(await customer.buy('GAR-003')).toMatchObject({ status: 500, body: { code: 'INTERNAL' } })
    await sql(stand(), 'DROP TRIGGER refuse ON store.outbox')
    expect((await customer.get<{ items: unknown }>('/api/inventory/check?sku=GAR-003')).body.items).toEqual(before.body.items)
    const order = await customer.order('GAR-003')
    await stream.first('the next comes', (item) => item.event === 'order' && item.data.id === order)
    await stock.first('the next comes', (item) => item.event === 'stock')
    expectTold(stream, [order])
    expect(dataOf(stock.items, 'stock').map(({ version }) => version)).toEqual([1])
  })

  test('a row that is committed after a later one is not passed over', async () => {
    const { customer, stream } = await following(stand())
    const other = untilEnd(customer.follow('/store/events?sku=GAR-004&sku=GAR-005'))
    await until('it follows', () => other.opened.length > 0)
    const client = await stand().postgres?.connect('shop')
    if (!client) throw new Error('No PostgreSQL')
    // By hand, as a purchase does it; its id is taken long before its commit.
    await client.query('BEGIN')
    const slow = { sku: 'GAR-004', stock: 1, version: 1, at: Date.now() }
    await client.query("INSERT INTO store.outbox (topic, event, data) VALUES ('stock/garden/GAR-004', 'stock', $1)", [JSON.stringify(slow)])
    const order = await customer.order('GAR-005')
    await stream.first('the later one', (item) => item.event === 'order' && item.data.id === order)
    expect(dataOf(other.items, 'stock').map(({ sku }) => sku)).not.toContain('GAR-004')
    await client.query('COMMIT')
    await client.end()
    await other.first('the earlier one', (item) => item.event === 'stock' && item.data.sku === 'GAR-004')
  })
})

async function following(stand: Stand) {
  const customer = stand.shopper()
  await customer.signIn(ADA)
  const { lastEventId } = await customer.orders()
  const stream = untilEnd(customer.follow('/store/orders/events', { lastEventId }))
  await until('it follows', () => stream.opened.length > 0)
  return { customer, stream }
}

/** Takes the relay's place: from then on nothing is handed on. */
async function holdRelay(stand: Stand) {
  const client = await stand.postgres?.connect('shop')
  if (!client) throw new Error('No PostgreSQL')
  // The one that has it is cut off; we are in its place before it is back.
  const [{ pid }] = (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows as [{ pid: number }]
  const waiting = client.query('SELECT pg_advisory_lock($1)', [RELAY_LOCK])
  await until('it is our turn', async () => {
    await sql(
      stand,
      `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = ${RELAY_LOCK} AND granted AND pid <> ${pid}`,
    )
    return Promise.race([waiting.then(() => true), new Promise((resolve) => setTimeout(resolve, 200, false))])
  })
  return client
}

async function outbox(stand: Stand): Promise<number> {
  const [row] = await sql<{ n: number }>(stand, 'SELECT count(*)::int AS n FROM store.outbox')
  return row?.n ?? 0
}

async function sql<Row>(stand: Stand, text: string): Promise<Row[]> {
  return (await stand.postgres?.query<Row>(text, [], 'shop')) ?? []
}

async function shelf(shopper: Shopper): Promise<Record<string, { stock: number; version: number }>> {
  const { products } = await shopper.products('?category=garden')
  return Object.fromEntries(products.map(({ sku, stock, version }) => [sku, { stock, version }]))
}

function note(wish: Wish, { status, body }: Awaited<ReturnType<Shopper['buy']>>): void {
  if (status !== 200 && status !== 201 && status !== 409) throw new Error(`${status} ${JSON.stringify(body)}`)
  wish.order = status === 409 ? null : body.order
}

function allDelivered({ items }: Following, orders: readonly number[]) {
  return until(
    'all are delivered',
    () => {
      const done = new Set(dataOf(items, 'order').flatMap(({ id, status }) => (status === 'delivered' ? [id] : [])))
      return orders.every((id) => done.has(id))
    },
    100_000,
  )
}

function expectEachStepOnce({ items }: Following, orders: readonly number[]): void {
  const steps: Record<number, string[]> = {}
  for (const { id, status } of dataOf(items, 'order')) (steps[id] ??= []).push(status)
  expect(steps).toEqual(Object.fromEntries(orders.map((id) => [id, [...STATUSES]])))
  expect(dataOf(items, 'gap')).toEqual([])
}

function expectTold({ items }: Following, orders: readonly number[]): void {
  expect(dataOf(items, 'order').map(({ id }) => id)).toEqual(orders)
  expect(dataOf(items, 'gap')).toEqual([])
}
