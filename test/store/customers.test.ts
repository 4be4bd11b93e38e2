import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { until } from '../helpers/until.js'
import { ADA, GRACE, dataOf } from './shopper.js'
import { closeAll, describeStores, untilEnd, useStand } from './stores.js'

closeAll()

describeStores('customers of a store', { STORE_STEP_MS: '300000' }, (stand) => {
  test('signing in gives a cookie that no script reads and no other site sends; the page says who could', async () => {
    const shopper = stand().shopper()
    expect(await shopper.get('/store/session')).toMatchObject({ status: 200, body: { customer: null, csrf: '', accounts: [ADA, GRACE] } })
    const { status, body, headers } = await shopper.send('POST', '/store/session', { ...ADA, email: ' Ada@Example.com' })
    expect([status, body]).toEqual([
      200,
      { customer: { name: 'Ada', email: ADA.email }, csrf: expect.any(String), now: expect.any(Number) },
    ])
    expect(headers.get('set-cookie')).toMatch(/^store_session=[\w-]{43}; Path=\/store; HttpOnly; SameSite=Strict; Max-Age=\d+$/)
    await shopper.signIn(GRACE)
    expect((await shopper.get('/store/session')).body).toMatchObject({
      customer: { name: 'Grace', email: GRACE.email },
      csrf: shopper.csrf,
    })
  })

  test.each([
    ['a wrong password', { ...ADA, password: 'tulips-in-june' }, 401, 'BAD_CREDENTIALS'],
    ['somebody else’s password', { ...ADA, password: GRACE.password }, 401, 'BAD_CREDENTIALS'],
    ['nobody', { email: 'eve@example.com', password: 'nobody' }, 401, 'BAD_CREDENTIALS'],
    ['no password', { email: ADA.email }, 400, 'INVALID_BODY'],
    ['an e-mail address that is no text', { ...ADA, email: ['ada'] }, 400, 'INVALID_BODY'],
    ['a password of 201 characters', { ...ADA, password: 'x'.repeat(201) }, 400, 'INVALID_BODY'],
    ['an e-mail address with NUL', { ...ADA, email: 'a\0b' }, 400, 'INVALID_BODY'],
    ['a list', [ADA], 400, 'INVALID_BODY'],
    ['null', 'null', 400, 'INVALID_BODY'],
    ['no JSON', '{"email"', 400, 'NOT_JSON'],
    ['too much', JSON.stringify({ ...ADA, more: 'x'.repeat(5_000) }), 413, 'TOO_LARGE'],
  ])('%s is no way in', async (_, body, status, code) => {
    const shopper = stand().shopper()
    const answer = await shopper.send('POST', '/store/session', body)
    expect(answer).toMatchObject({ status, body: { code } })
    expect(answer.headers.get('set-cookie')).toBeNull()
  })

  test('a customer sees and follows only their own orders', async () => {
    const [ada, grace, guest] = [stand().shopper(), stand().shopper(), stand().shopper()]
    await ada.signIn(ADA)
    await grace.signIn(GRACE)
    const { body: ofAda } = await ada.buy('TOY-001', 2)
    const { body: ofGuest } = await guest.buy('TOY-001')

    const list = (await ada.orders()).orders
    expect(list[0]).toMatchObject({
      id: ofAda.order,
      number: `S-${ofAda.order}`,
      items: [{ sku: 'TOY-001', name: 'Wooden Train Set, Starter', quantity: 2, price: 5_400 }],
      total: 10_800,
      steps: [{ status: 'placed' }],
    })
    expect((await ada.get(`/store/orders/${ofAda.order}`)).body).toEqual(list[0])
    expect((await grace.orders()).orders.map(({ id }) => id)).not.toContain(ofAda.order)

    for (const path of [`/store/orders/${ofAda.order}`, `/store/orders/events?order=${ofAda.order}`, `/store/orders/${ofGuest.order}`])
      expect(await grace.get(path)).toMatchObject({ status: 403, body: { code: 'NOT_YOURS' } })
    for (const order of ['999999', '0', '-1', 'x', '1e3', '9'.repeat(40)])
      expect(await ada.get(`/store/orders/${order}`)).toMatchObject({ status: 404, body: { code: 'UNKNOWN_ORDER' } })
    expect(await ada.get('/store/orders/events?order=999999')).toMatchObject({ status: 404, body: { code: 'UNKNOWN_ORDER' } })
    for (const path of ['list', 'events', 'events?order=1', String(ofAda.order)])
      expect(await guest.get(`/store/orders/${path}`)).toMatchObject({ status: 401, body: { code: 'SIGN_IN_FIRST' } })
  })

  test('each stream has the orders of its customer, or the one that was asked for', async () => {
    const [ada, grace] = [stand().shopper(), stand().shopper()]
    await ada.signIn(ADA)
    await grace.signIn(GRACE)
    const first = await ada.order('TOY-003')
    const streams = [
      ada.follow('/store/orders/events'),
      ada.follow(`/store/orders/events?order=${first}`),
      grace.follow('/store/orders/events'),
    ].map(untilEnd)
    await until('all follow', () => streams.every(({ opened }) => opened.length > 0))
    const ofAda = await ada.order('TOY-004')
    const ofGrace = await grace.order('TOY-004')
    await streams[0]?.first('Ada’s', (item) => item.event === 'order' && item.data.id === ofAda)
    await streams[2]?.first('Grace’s', (item) => item.event === 'order' && item.data.id === ofGrace)
    const ids = streams.map(({ items }) => new Set(dataOf(items, 'order').map(({ id }) => id)))
    expect(ids[0]).not.toContain(ofGrace)
    expect([...(ids[1] ?? [])].filter((id) => id !== first)).toEqual([])
    expect(ids[2]).toEqual(new Set([ofGrace]))
  })

  test('signing out ends the streams of that session at once, and no other; they get 401', async () => {
    const [here, there] = [stand().shopper(), stand().shopper()]
    await here.signIn(ADA)
    await there.signIn(ADA)
    const ending = untilEnd(here.follow('/store/orders/events'))
    const one = await here.order('TOY-005')
    const ofOne = untilEnd(here.follow(`/store/orders/events?order=${one}`))
    const staying = untilEnd(there.follow('/store/orders/events'))
    await until('all follow', () => [ending, ofOne, staying].every(({ opened }) => opened.length > 0))
    const { status, headers } = await here.send('DELETE', '/store/session')
    expect([status, headers.get('set-cookie')]).toEqual([204, 'store_session=; Path=/store; HttpOnly; SameSite=Strict; Max-Age=0'])
    for (const { ended } of [ending, ofOne]) expect(await ended).toMatchObject({ code: 'SSE_BAD_RESPONSE', response: { status: 401 } })
    const order = await there.order('TOY-006')
    await staying.first('what comes after', (item) => item.event === 'order' && item.data.id === order)
    expect(staying.opened).toHaveLength(1)
    for (const { items } of [ending, ofOne]) expect(dataOf(items, 'order').map(({ id }) => id)).not.toContain(order)
    expect(await here.get('/store/orders/list')).toMatchObject({ status: 401 })
    // Twice is no mistake.
    expect(await here.send('DELETE', '/store/session')).toMatchObject({ status: 204 })
  })

  test('signing out also ends streams that are being opened at that moment', async () => {
    const buyer = stand().shopper()
    await buyer.signIn(ADA)
    const path = `/store/orders/events?order=${await buyer.order('TOY-005')}`
    for (let round = 0; round < 8; round++) {
      const shopper = stand().shopper()
      await shopper.signIn(ADA)
      const early = Array.from({ length: 4 }, () => untilEnd(shopper.follow(path)))
      const leaving = shopper.send('DELETE', '/store/session')
      const late = Array.from({ length: 4 }, () => untilEnd(shopper.follow(path)))
      expect((await leaving).status).toBe(204)
      for (const { ended } of [...early, ...late]) expect(await ended).toMatchObject({ response: { status: 401 } })
    }
  })

  test('signing in as somebody else ends what the browser followed before', async () => {
    const shopper = stand().shopper()
    await shopper.signIn(ADA)
    const stream = untilEnd(shopper.follow('/store/orders/events', { reconnect: false }))
    await until('it follows', () => stream.opened.length > 0)
    await shopper.signIn(GRACE)
    await stream.ended
    expect((await shopper.get('/store/session')).body).toMatchObject({ customer: { name: 'Grace' } })
  })

  test.each([
    ['another site’s page', { origin: 'https://evil.example' }, 'CROSS_SITE'],
    ['a page on another port', { origin: 'http://127.0.0.1:1' }, 'CROSS_SITE'],
    ['a page without an origin', { origin: 'null' }, 'CROSS_SITE'],
    ['what a browser calls cross-site', { 'sec-fetch-site': 'cross-site' }, 'CROSS_SITE'],
    ['what a browser calls same-site', { 'sec-fetch-site': 'same-site' }, 'CROSS_SITE'],
    ['a request without the header', { 'x-csrf': '' }, 'CSRF'],
    ['a request with a guess', { 'x-csrf': 'x'.repeat(43) }, 'CSRF'],
    ['a request with letters of several bytes', { 'x-csrf': '\u00e9'.repeat(43) }, 'CSRF'],
  ])('%s changes nothing in a customer’s name', async (_, headers, code) => {
    const shopper = stand().shopper()
    await shopper.signIn(ADA)
    const { body } = await shopper.get('/api/inventory/check?sku=TOY-007')
    for (const [method, path, what] of [
      ['POST', '/store/purchases', { sku: 'TOY-007', quantity: 1, key: 'from-elsewhere' }],
      ['POST', '/store/sale/state', { action: 'reset', crowd: 0 }],
      ['DELETE', '/store/session', undefined],
    ] as const) {
      // By node:http: fetch doesn't let its caller say some of these.
      expect(
        await raw(stand().demo.port, method, path, { cookie: shopper.cookie, 'x-csrf': shopper.csrf, ...headers }, what),
      ).toMatchObject({
        status: 403,
        body: { code },
      })
    }
    expect((await shopper.get('/api/inventory/check?sku=TOY-007')).body).toMatchObject({ items: (body as { items: unknown }).items })
    expect((await shopper.get('/store/session')).body).toMatchObject({ customer: { name: 'Ada' } })
  })

  test('a form can’t buy', async () => {
    const shopper = stand().shopper()
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', '']) {
      const body = JSON.stringify({ sku: 'TOY-008', quantity: 1, key: 'from-a-form' })
      expect(await shopper.send('POST', '/store/purchases', body, { 'content-type': type })).toMatchObject({
        status: 415,
        body: { code: 'NOT_JSON' },
      })
    }
  })

  test('its own page may: same origin, and the header', async () => {
    const shopper = stand().shopper()
    await shopper.signIn(ADA)
    const headers = {
      cookie: shopper.cookie,
      'x-csrf': shopper.csrf,
      origin: `http://127.0.0.1:${stand().demo.port}`,
      'sec-fetch-site': 'same-origin',
    }
    const wish = { sku: 'TOY-009', quantity: 1, key: `own-page-${shopper.csrf.slice(0, 8)}` }
    expect(await raw(stand().demo.port, 'POST', '/store/purchases', headers, wish)).toMatchObject({ status: 201 })
  })

  test('nothing is bought in the name of a session that has ended: not as a guest either, unasked', async () => {
    const [shopper, guest] = [stand().shopper(), stand().shopper()]
    await shopper.signIn(ADA)
    shopper.cookie = ''
    expect(await shopper.buy('TOY-011')).toMatchObject({ status: 401, body: { code: 'SIGN_IN_FIRST' } })
    // The first piece of it that is sold.
    expect(await guest.buy('TOY-011')).toMatchObject({ status: 201, body: { version: 1 } })
  })

  test('a session is kept over a restart, and known by a hash alone', async () => {
    const shopper = stand().shopper()
    await shopper.signIn(ADA)
    await stand().restart()
    expect((await shopper.get('/store/session')).body).toMatchObject({ customer: { name: 'Ada' }, csrf: shopper.csrf })
    const [kept] = (await stand().postgres?.query('SELECT json_agg(s)::text AS text FROM store.sessions s', [], 'shop')) ?? [
      { text: 'token_hash' },
    ]
    expect(kept?.['text']).toContain('token_hash')
    expect(kept?.['text']).not.toContain(shopper.cookie.split('=')[1])
  })
})

describe('a session of a store', () => {
  const stand = useStand({ STORE_SESSION_MS: '3000' })

  test('ends by itself, and its streams with it', async () => {
    const shopper = stand().shopper()
    // On a slow machine one may have ended before its stream is there: that is none to look at.
    const stream = await until('it follows', async () => {
      await shopper.signIn(ADA)
      const stream = untilEnd(shopper.follow('/store/orders/events'))
      let isRefused = false
      void stream.ended.then(() => (isRefused = true))
      await until('there is an answer', () => isRefused || stream.opened.length > 0)
      return stream.opened.length > 0 ? stream : undefined
    })
    expect(await stream.ended).toMatchObject({ code: 'SSE_BAD_RESPONSE', response: { status: 401 } })
    expect((await shopper.get('/store/session')).body).toMatchObject({ customer: null, csrf: '' })
    // In nobody's name any more.
    expect(await shopper.buy('TOY-002')).toMatchObject({ status: 401, body: { code: 'SIGN_IN_FIRST' } })
    shopper.csrf = ''
    expect((await shopper.buy('TOY-002')).status).toBe(201)
  })

  test('ten wrong passwords a minute, also at once; then the right one waits as well', async () => {
    const shopper = stand().shopper()
    const answers = await Promise.all(
      Array.from({ length: 15 }, () => shopper.send('POST', '/store/session', { ...GRACE, password: 'wrong' })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([
      ...Array.from({ length: 10 }, () => 401),
      ...Array.from({ length: 5 }, () => 429),
    ])
    const late = await shopper.send('POST', '/store/session', GRACE)
    expect(late).toMatchObject({ status: 429, body: { code: 'TOO_MANY_ATTEMPTS' } })
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0)
    await shopper.signIn(ADA)
  })
})

function raw(port: number, method: string, path: string, headers: Record<string, string>, body: unknown) {
  return new Promise<{ status: number | undefined; body: unknown }>((resolve, reject) => {
    const json = body === undefined ? '' : JSON.stringify(body)
    const options = {
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: { 'content-type': 'application/json', 'content-length': json.length, ...headers },
    }
    const req = request(options, (res) => {
      let text = ''
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      res.on('end', () => resolve({ status: res.statusCode, body: text === '' ? undefined : JSON.parse(text) }))
    })
    req.once('error', reject).end(json)
  })
}
