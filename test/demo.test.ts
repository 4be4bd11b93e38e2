import { readdirSync, readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { ReceivedItem } from 'server-sent/protocol'
import { collect } from 'server-sent/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { read } from '../demo/snippets.js'
import { runDemo, startDemo, type Demo } from './helpers/demo.js'
import { freePort } from './helpers/ports.js'
import { until } from './helpers/until.js'

const EVERY = 2_000
// Both, but for a machine without IPv6.
const loopbacks = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ internal }) => internal)
  .map(({ address }) => address)
  .filter((address) => address === '127.0.0.1' || address === '::1')

let demo: Demo
beforeAll(async () => {
  demo = await startDemo()
})
afterAll(() => demo?.stop())

test.each([
  ['/string-item', /^Heart Rate: ([6-9]\d) bpm$/, 2 * EVERY],
  ['/json-item', /^\{"rate":([6-9]\d),"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"\}$/, 2 * EVERY],
  // The monitor measures on its own: its first two readings may be less than two seconds apart.
  ['/sse-item', /^([6-9]\d)$/, EVERY],
])('%s tells the heart rate at once, and then every two seconds', async (path, data, least) => {
  const measure = async (): Promise<number> => {
    const begun = performance.now()
    const response = await fetch(demo.url + path)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const items = await firstOf(response, 3)
    const took = performance.now() - begun
    for (const item of items) expect(item).toMatchObject({ event: 'heartRate', data: expect.stringMatching(data) as string })
    return took
  }
  let took = await measure()
  expect(took).toBeGreaterThan(least - 100)
  // A machine that stands still for a moment is late: what counts is the quickest.
  while (took > 2 * EVERY + 1_000) took = Math.min(took, await measure())
})

test('/sse-item has ids that rise by one, and a retry of a minute', async () => {
  const items = await firstOf(fetch(`${demo.url}/sse-item`), 2)
  expect(items.map(({ retry }) => retry)).toEqual([60_000, 60_000])
  expect(Number(items[1]?.id) - Number(items[0]?.id)).toBe(1)
})

test('/sse-item sends what was missed first, up to a hundred readings, and goes on', async () => {
  const [item] = await firstOf(fetch(`${demo.url}/sse-item`), 1)
  const now = Number(item?.id)
  const seven = await firstOf(fetch(`${demo.url}/sse-item`, { headers: { 'Last-Event-ID': String(now - 5) } }), 6)
  expect(seven.map(({ id }) => Number(id) - now)).toEqual([-4, -3, -2, -1, 0, 1])
  const all = await firstOf(fetch(`${demo.url}/sse-item?lastEventId=1`), 100)
  expect(all.map(({ id }) => Number(id) - Number(all[0]?.id))).toEqual(Array.from({ length: 100 }, (_, index) => index))
  expect(Number(all.at(-1)?.id)).toBeGreaterThanOrEqual(now)
})

test.each(['abc', '-1', '1e9', '99999999999999', '9'.repeat(5000), ' ', 'é', 'server-sent:end'])(
  'a last event ID that makes no sense is a fresh start: %.20s',
  async (id) => {
    const before = Date.now() / EVERY
    const [item] = await firstOf(fetch(`${demo.url}/sse-item?lastEventId=${encodeURIComponent(id)}`), 1)
    expect(Number(item?.id)).toBeGreaterThan(before - 3)
    expect(Number(item?.id)).toBeLessThan(Date.now() / EVERY + 3)
  },
)

test('ids go on rising by one over a restart of the server', async () => {
  const first = await startDemo(await freePort())
  const [before] = await firstOf(fetch(`${first.url}/sse-item`), 1)
  await first.stop('SIGKILL')
  const second = await startDemo(first.port)
  try {
    const after = await firstOf(fetch(`${second.url}/sse-item`, { headers: { 'Last-Event-ID': before?.id as string } }), 2)
    expect(after.map(({ id }) => Number(id) - Number(before?.id))).toEqual([1, 2])
  } finally {
    await second.stop()
  }
})

test('/ward asks for a header, and sends typed items', async () => {
  const refused = await fetch(`${demo.url}/ward`)
  expect(refused.status).toBe(403)
  expect(await refused.json()).toEqual({ code: 'WRONG_WARD', message: 'Send X-Ward: 7' })
  const [item] = await firstOf(fetch(`${demo.url}/ward`, { headers: { 'X-Ward': '7' } }), 1)
  expect(item).toMatchObject({ event: 'heartRate', data: expect.stringMatching(/^\{"rate":\d\d,"ward":"7"\}$/) as string })
})

test('/vitals sends the events it is asked for, and tells how many bytes it left out', async () => {
  const all = await firstOf(fetch(`${demo.url}/vitals`), 4)
  expect(all.map(({ event }) => event)).toEqual(['heartRate', 'alarm', 'battery', 'heartRate'])
  expect(JSON.parse(all[1]?.data as string)).toEqual({
    level: expect.stringMatching(/^(low|normal|high)$/) as string,
    rate: Number(all[0]?.data),
  })

  const some = await fetch(`${demo.url}/vitals?events=battery,alarm`)
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of some.body as ReadableStream<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    if (/left out \d+\n/.test(text)) break
  }
  expect(text).toMatch(/^:\nretry: 5000\n\n|^retry: 5000\n\n/)
  expect(text).not.toContain('heartRate')
  expect(text).toContain(`: left out ${'event: heartRate\ndata: 75\n\n'.length}\n`)
})

test.each([
  ['GET', '/nowhere', 404, 'NOT_FOUND', null],
  ['GET', '/__proto__', 404, 'NOT_FOUND', null],
  ['GET', '/assets/../../server/main.js', 404, 'NOT_FOUND', null],
  ['POST', '/sse-item', 405, 'METHOD_NOT_ALLOWED', 'GET, HEAD'],
  ['DELETE', '/patterns/notifications', 405, 'METHOD_NOT_ALLOWED', 'GET, HEAD, POST'],
  ['OPTIONS', '/string-item', 405, 'METHOD_NOT_ALLOWED', 'GET, HEAD'],
  ['PUT', '/', 405, 'METHOD_NOT_ALLOWED', 'GET, HEAD'],
  ['GET', '/vitals?events=heartRate,pulse', 400, 'UNKNOWN_EVENT', null],
])('%s %s is answered with %i %s', async (method, path, status, code, allow) => {
  const response = await fetch(demo.url + path, { method })
  expect([response.status, response.headers.get('allow')]).toEqual([status, allow])
  expect(await response.json()).toEqual({ code, message: expect.any(String) as string })
})

test('a browser that asks for a page that is not there gets a page', async () => {
  const response = await fetch(`${demo.url}/nowhere`, { headers: { Accept: 'text/html,*/*;q=0.8' } })
  expect([response.status, response.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8'])
  expect(await response.text()).toContain('Nothing here')
})

test.each([
  ['localhost', 200],
  ['127.0.0.1:5000', 200],
  ['[::1]:5000', 200],
  ['app.localhost:5000', 200],
  ['evil.example', 403],
  ['localhost.evil.example', 403],
  ['127.0.0.1.evil.example:5000', 403],
  ['evillocalhost', 403],
])('a request for the host %s is answered with %i', async (host, status) => {
  const answered = await new Promise<number | undefined>((resolve, reject) => {
    const sent = request(`${demo.url}/status`, { headers: { host } }, (res) => resolve(res.resume().statusCode))
    sent.on('error', reject).end()
  })
  expect(answered).toBe(status)
})

test('HEAD is answered with headers only', async () => {
  for (const path of ['/', '/sse-item']) {
    const response = await fetch(demo.url + path, { method: 'HEAD' })
    expect([response.status, await response.text()]).toEqual([200, ''])
  }
  // Those of other tests end by and by.
  await until('none is left', async () => (await demo.streams('/sse-item')) === 0)
})

test.each([
  ['not JSON', 'text/plain', '{"text":"hi"}', 415],
  ['broken JSON', 'application/json', '{', 400],
  ['null', 'application/json', 'null', 400],
  ['no text', 'application/json', '{"text":7}', 400],
  ['blank text', 'application/json', '{"text":" "}', 400],
  ['long text', 'application/json', JSON.stringify({ text: 'x'.repeat(201) }), 400],
  ['a large body', 'application/json', JSON.stringify({ text: 'x'.repeat(100_000) }), 413],
])('a notification that is %s is refused', async (_, type, body, status) => {
  const response = await fetch(`${demo.url}/patterns/notifications`, { method: 'POST', headers: { 'Content-Type': type }, body })
  expect(response.status).toBe(status)
  expect(await response.json()).toEqual({ code: expect.any(String) as string, message: expect.any(String) as string })
})

test('a notification reaches who is there, and who comes later', async () => {
  const there = firstOf(fetch(`${demo.url}/patterns/notifications`), 1)
  await until('the reader is there', () => demo.streams('/patterns/notifications'))
  const text = 'a\nb\u2028 <b>é</b>'
  const response = await fetch(`${demo.url}/patterns/notifications`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ text }),
  })
  expect(response.status).toBe(201)
  const later = firstOf(fetch(`${demo.url}/patterns/notifications`), 1)
  for (const [item] of await Promise.all([there, later])) expect(JSON.parse(item?.data as string)).toMatchObject({ text })
})

test('the log tail goes on where a reader has stopped', async () => {
  await fetch(`${demo.url}/patterns/dashboard`, { method: 'HEAD' })
  const lines = await firstOf(fetch(`${demo.url}/patterns/log-tail`), 3)
  const rest = await firstOf(fetch(`${demo.url}/patterns/log-tail`, { headers: { 'Last-Event-ID': lines[1]?.id as string } }), 1)
  expect(rest[0]).toMatchObject({ data: lines[2]?.data, id: lines[2]?.id })
})

test('the code that the pages show is code that runs', async () => {
  const folder = fileURLToPath(new URL('../demo/', import.meta.url))
  let shown = 0
  for (const path of ['/', '/patterns']) {
    const html = await (await fetch(demo.url + path)).text()
    for (const [, name, code] of html.matchAll(/<pre data-snippet="([^"]+)"[^>]*>(.*?)<\/pre>/gs)) {
      const text = (code as string)
        .replace(/<[^>]+>/g, '')
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&amp;', '&')
      expect(text).toBe(read(folder, name as string))
      shown++
    }
  }
  expect(shown).toBeGreaterThanOrEqual(14)
  const patterns = readdirSync(`${folder}server/patterns`)
  expect(patterns).toHaveLength(5)
  for (const name of patterns) {
    const lines = readFileSync(`${folder}server/patterns/${name}`, 'utf8').trimEnd().split('\n')
    expect({ name, isShort: lines.length >= 10 && lines.length <= 25 }).toEqual({ name, isShort: true })
  }
})

test.each(['abc', '-1', '65536', '5000.5', ' 80'])('PORT=%s ends with exit code 2 and one line', async (port) => {
  const { code, stderr } = await runDemo(port)
  expect(code).toBe(2)
  expect(stderr).toMatch(/^PORT must be .*\n$/)
})

test.each(loopbacks)('a port in use on %s ends with exit code 2 and one line that names PORT=', async (host) => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, host, resolve))
  try {
    const { port } = taken.address() as AddressInfo
    const { code, stderr } = await runDemo(String(port))
    expect(code).toBe(2)
    expect(stderr).toMatch(new RegExp(`^Port ${port} is in use: .*PORT=.*\n$`))
  } finally {
    taken.close()
  }
})

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it at once though streams are open', async (signal) => {
  const ending = await startDemo(0, { NODE_OPTIONS: '--trace-exit' })
  const response = await fetch(`${ending.url}/sse-item`)
  const read = response.text().catch(() => 'cut')
  expect(await ending.stop(signal)).toBe(0)
  expect(await read).toBe('cut')
  // It had nothing left to wait for: after three seconds it would have been ended by process.exit(), which Node traces here.
  expect((await ending.ended).stderr).toBe('')
})

test.each(loopbacks)('it answers on %s', async (host) => {
  const { status } = await fetch(`http://${host.includes(':') ? `[${host}]` : host}:${demo.port}/status`)
  expect(status).toBe(200)
})

/** The first items, however slow the machine. */
function firstOf(stream: Response | Promise<Response>, count: number): Promise<ReceivedItem[]> {
  return collect(stream, count, { within: 60_000 })
}
