import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect as connect2 } from 'node:http2'
import { request as requestSecure } from 'node:https'
import { connect as connectTo, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'server-sent/client'
import { collect } from '../helpers/collect.js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../helpers/ports.js'
import { serve, sleep, when } from '../helpers/servers.js'
import { tls } from '../helpers/tls.js'
import { runToEnd, start, startServer } from './process.js'

const post = (body: string): RequestInit => ({ method: 'POST', body })

/** The status for a Host header of its own, which fetch wouldn't send. */
async function statusFor(url: string, host: string, path = '/health'): Promise<number | undefined> {
  const req = request(url + path, { headers: { host } })
  req.end()
  const [response] = (await once(req, 'response')) as [IncomingMessage]
  response.destroy()
  return response.statusCode
}

/** Waits until nobody listens there any more. */
async function refused(url: string): Promise<void> {
  const isOpen = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connectTo(Number(new URL(url).port), '127.0.0.1', () => resolve(true))
      socket.on('error', () => resolve(false)).on('close', () => socket.destroy())
      socket.on('connect', () => socket.destroy())
    })
  while (await isOpen()) await sleep(5)
}

describe('serve', () => {
  test('publishes, streams, and says how it is', async () => {
    const { url } = await startServer()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'ok' })
    const items = collect(fetch(`${url}/events?topic=a&pattern=b/*&from=earliest`), 2)
    const answer = await fetch(`${url}/topics/a?event=greeting`, post('hello'))
    expect(answer.status).toBe(201)
    const { id } = (await answer.json()) as { id: string }
    await fetch(`${url}/topics/b%2F1`, post('world'))
    expect(await items).toMatchObject([
      { event: 'greeting', data: 'hello' },
      { event: 'message', data: 'world' },
    ])
    expect((await items)[0]?.id).toMatch(new RegExp(`^${id}(~|$)`))
    expect(await (await fetch(`${url}/stats`)).json()).toMatchObject({ published: 2 })
  })

  test('on loopback it answers for its own names only, so that no page can make its name point at it', async () => {
    const { url } = await startServer('--allow-host', 'live.test')
    const { port } = new URL(url)
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, 'live.test', `live.test:${port}`])
      expect([host, await statusFor(url, host)]).toEqual([host, 200])
    for (const host of ['evil.test', `evil.test:${port}`, 'localhost.evil.test'])
      expect([host, await statusFor(url, host)]).toEqual([host, 421])
    expect(await statusFor(url, 'evil.test', '/events?topic=a')).toBe(421)
  })

  test('a page of another origin may neither read nor publish, unless it is told to', async () => {
    const { url } = await startServer('--cors-origin', 'https://shop.test')
    const ask = async (origin: string): Promise<unknown[]> => {
      const published = await fetch(`${url}/topics/a`, { ...post('x'), headers: { origin, 'content-type': 'text/plain' } })
      const read = await fetch(`${url}/events?topic=a`, { headers: { origin } })
      await read.body?.cancel()
      return [published.status, read.headers.get('access-control-allow-origin')]
    }
    expect(await ask('https://shop.test')).toEqual([201, 'https://shop.test'])
    expect(await ask('https://evil.test')).toEqual([403, null])
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it cleanly, streams and all', async (signal) => {
    const server = await startServer('--drain-within', '60')
    const response = await fetch(`${server.url}/events?topic=a`)
    const begun = performance.now()
    server.signal(signal)
    expect(await server.ended).toBe(0)
    expect(performance.now() - begun).toBeLessThan(30_000)
    await expect(response.text()).resolves.toContain('id: ')
    expect(server.stderr()).toBe('')
  })

  test('a second signal ends it at once, though a client holds on', async () => {
    // The server would wait for a client for a second. The quickest of some ends counts: a busy machine takes its time.
    let quickest = Infinity
    for (let n = 0; n < 10 && quickest >= 800; n++) {
      const server = await startServer()
      // A request without an end, answered because it may not come: then the server knows of it, and of the connection.
      const req = request(`${server.url}/topics/a`, { method: 'POST', headers: { expect: '100-continue' } })
      req.on('error', () => {})
      req.flushHeaders()
      await once(req, 'continue')
      req.write('x')
      server.signal('SIGTERM')
      await refused(server.url)
      const begun = performance.now()
      server.signal('SIGTERM')
      expect(await server.ended).toBe(0)
      quickest = Math.min(quickest, performance.now() - begun)
    }
    expect(quickest).toBeLessThan(800)
  })

  test('a history on disk outlives it; the next one goes on where it was', async () => {
    const folder = temporary()
    const flags = ['--engine', `disk:${folder}`, '--history-size', '2']
    const first = await startServer(...flags)
    const ids: string[] = []
    for (const data of ['1', '2', '3']) ids.push(((await (await fetch(`${first.url}/topics/a`, post(data))).json()) as { id: string }).id)
    first.signal('SIGTERM')
    expect(await first.ended).toBe(0)
    const second = await startServer(...flags)
    const resumed = await collect(fetch(`${second.url}/events?topic=a`, { headers: { 'last-event-id': ids[1]! } }), 1)
    expect(resumed).toMatchObject([{ data: '3', id: ids[2] }])
    const [gap] = await collect(fetch(`${second.url}/events?topic=a`, { headers: { 'last-event-id': ids[0]!.replace(/\d+$/, '0') } }), 1)
    expect(gap).toMatchObject({ event: 'gap' })
    second.signal('SIGTERM')
    expect(await second.ended).toBe(0)
    const third = await startServer(...flags, '--new-epoch')
    const [told] = await collect(fetch(`${third.url}/events?topic=a`, { headers: { 'last-event-id': ids[2]! } }), 1)
    expect(JSON.parse(told!.data)).toMatchObject({ reason: 'epoch' })
  })

  test('refuses more streams than --max-connections', async () => {
    const { url } = await startServer('--max-connections', '1')
    const first = await fetch(`${url}/events?topic=a`)
    expect((await fetch(`${url}/events?topic=a`)).status).toBe(503)
    expect((await fetch(`${url}/health`)).status).toBe(200)
    await first.body?.cancel()
  })
})

describe('what is wrong is one line on stderr', () => {
  test.each([
    [[], 2, /^server-sent: no command: there are serve, tail, publish, bench; see --help\n$/],
    [['sevre'], 2, /^server-sent: no command "sevre": .*\n$/],
    [['serve', '--port', 'abc'], 2, /^server-sent serve: --port must be a whole number from 0 to 65535: "abc"\n$/],
    [['serve', '--host', '0.0.0.0'], 2, /^server-sent serve: --host "0\.0\.0\.0" .*--allow-anonymous.*\n$/],
    [['serve', '--tls-cert', 'package.json', '--tls-key', 'package.json'], 2, /^server-sent serve: --tls-cert and --tls-key .*\n$/],
    [['serve', '--engine', 'disk:package.json/x'], 1, /^server-sent serve: --engine: .*package\.json\/x.*\n$/],
    [['serve', '--host', '203.0.113.1', '--allow-anonymous'], 1, /^server-sent serve: --host 203\.0\.113\.1 can't be listened on .*\n$/],
    [['tail'], 2, /^server-sent tail: URL is missing.*\n$/],
    [['tail', 'ftp://a.test'], 2, /^server-sent tail: URL must be .*\n$/],
    [['publish', 'http://localhost:1'], 2, /^server-sent publish: TOPIC is missing.*\n$/],
    [['publish', 'http://127.0.0.1:65534', 'a', 'x'], 1, /^server-sent publish: .* can't be reached \(ECONNREFUSED\).*\n$/],
    [
      ['publish', 'http://127.0.0.1:65534', 'a', 'x', '--header', 'geheim'],
      2,
      /^server-sent publish: --header must be 'Name: value', on one line\n$/,
    ],
    [['bench', 'http://127.0.0.1:65534/events', '-n', '2'], 1, /^server-sent bench: none of 2 connections was opened.*\n$/],
    [['bench', 'http://127.0.0.1:65534/events', '-n', 'x'], 2, /^server-sent bench: -n must be.*\n$/],
  ])('%j: %i', async (args, code, words) => {
    const ended = await runToEnd(args)
    expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(words) })
    expect(ended.stderr).not.toContain('geheim')
  })

  test('a port in use names --port', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void taken.close())
    await once(taken, 'listening')
    const port = String((taken.address() as AddressInfo).port)
    expect(await runToEnd(['serve', '--port', port])).toEqual({
      code: 1,
      stdout: '',
      stderr: `server-sent serve: --port ${port} is in use on 127.0.0.1: choose another, or 0 for any that is free\n`,
    })
  })
})

test.each([
  [['--version'], /^\d+\.\d+\.\d+\S*\n$/],
  [['--help'], /serve.*tail.*publish.*bench/s],
  [['serve', '--help'], /--port 5000.*--engine.*--allow-anonymous/s],
])('%j is answered', async (args, words) => {
  expect(await runToEnd(args)).toMatchObject({ code: 0, stdout: expect.stringMatching(words), stderr: '' })
})

describe('tail and publish', () => {
  test('what is published is printed: arguments, standard input, lines', async () => {
    const { url } = await startServer()
    const tail = start(['tail', `${url}/events?topic=a&from=earliest`])
    const json = start(['tail', `${url}/events?topic=a&from=earliest`, '--json'])
    const first = await runToEnd(['publish', url, 'a', 'hello world'])
    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\w+-1\n$/), stderr: '' })
    await runToEnd(['publish', url, 'a', '--event', 'note'], 'two\nlines')
    const { stdout } = await runToEnd(['publish', url, 'a', '-', '--lines'], 'x\ny\n')
    expect(stdout).toMatch(/^\w+-3\n\w+-4\n$/)
    await tail.printed('y\n')
    expect(tail.stdout()).toBe('hello world\nnote: two\nlines\nx\ny\n')
    await json.printed('"y"')
    expect(
      json
        .stdout()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toMatchObject([
      { event: 'message', id: first.stdout.trim(), data: 'hello world' },
      { event: 'note', data: 'two\nlines' },
      { data: 'x' },
      { data: 'y' },
    ])
    tail.signal('SIGINT')
    expect(await tail.ended).toBe(0)
    expect(tail.stderr()).toBe(`last event ID: ${stdout.trim().split('\n')[1]!}\n`)
    json.signal('SIGTERM')
    expect(await json.ended).toBe(0)
  })

  test('the same key publishes once', async () => {
    const { url } = await startServer()
    const args = ['publish', url, 'a', 'x', '--idempotency-key', 'k']
    const [first, second] = [await runToEnd(args), await runToEnd(args)]
    expect(second).toEqual(first)
  })

  test('what the server refuses is told in its words', async () => {
    const { url } = await startServer()
    expect(await runToEnd(['publish', url, 'a b', 'x'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('answered 400: SSE_INVALID_TOPIC: Not a topic'),
    })
    expect(await runToEnd(['tail', `${url}/events?topic=*`])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^server-sent tail: .*400.*\?pattern=.*\n$/),
    })
  })

  test('tail goes on after an id, sends headers, and comes back after the server has been away', async () => {
    const folder = temporary()
    const port = String(await freePort())
    const { url, signal, ended } = await startServer('--engine', `disk:${folder}`, '--port', port)
    const first = (await runToEnd(['publish', url, 'a', 'one'])).stdout.trim()
    await runToEnd(['publish', url, 'a', 'two'])
    const tail = start(['tail', `${url}/events?topic=a`, '--last-event-id', first, '--header', 'x-a: b'])
    await tail.printed('two\n')
    signal('SIGTERM')
    await ended
    await tail.printed('reconnecting in ')
    await startServer('--engine', `disk:${folder}`, '--port', port)
    await runToEnd(['publish', url, 'a', 'three'])
    await tail.printed('three\n')
    expect(tail.stdout()).toBe('two\nthree\n')
  })

  test('tail ends when nobody reads it any more', async () => {
    const { url } = await startServer()
    const tail = start(['-c', `"${process.execPath}" dist/cli/main.js tail '${url}/events?topic=a&from=earliest' | head -n 1`], {
      command: 'sh',
    })
    const state = { published: 0, hasEnded: false }
    const ended = tail.ended.finally(() => (state.hasEnded = true))
    // Only what is written after the reader has gone meets a closed pipe.
    while (!state.hasEnded) {
      await fetch(`${url}/topics/a`, post(String(++state.published)))
      await sleep(50)
    }
    expect(await ended).toBe(0)
    expect(tail.stdout()).toBe('1\n')
  })
})

test('bench counts what it is sent', async () => {
  const { url } = await startServer()
  const { code, stdout, stderr } = await runToEnd(['bench', `${url}/events?topic=a`, '-n', '10', '--duration', '1', '--rate', '20'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('10 of 10 connections open')
  expect(stdout).toContain('200 deliveries in')
  expect(stdout).toMatch(/20 published, 200 deliveries due; delay p50 \d+ ms/)
})

test('bench counts what comes late as well', async () => {
  const streams = new Set<ServerResponse>()
  const { url } = await serve((req, res) => {
    if (req.method === 'GET') {
      streams.add(res)
      return res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    }
    res.writeHead(201).end('{}')
    // Longer than anything that a machine of one's own takes.
    setTimeout(() => streams.forEach((stream) => stream.write('data: x\n\n')), 1500)
  })
  const { stdout } = await runToEnd(['bench', `${url}/events?topic=a`, '-n', '3', '--duration', '1', '--rate', '10'])
  expect(stdout).toContain('30 deliveries in')
})

describe('with TLS', () => {
  test('it speaks HTTP/2 and HTTP/1.1, and ends cleanly with both', async () => {
    const folder = temporary()
    writeFileSync(join(folder, 'key.pem'), tls.key)
    writeFileSync(join(folder, 'cert.pem'), tls.cert)
    const server = await startServer('--tls-cert', join(folder, 'cert.pem'), '--tls-key', join(folder, 'key.pem'))
    expect(server.url).toMatch(/^https:/)
    const session = connect2(server.url, { rejectUnauthorized: false })
    onTestFinished(() => session.destroy())
    const stream = session.request({ ':path': '/events?topic=a' })
    let text = ''
    stream.setEncoding('utf8').on('data', (part: string) => (text += part))
    await when(() => text.includes('id: '))
    const req = requestSecure(`${server.url}/topics/a`, { method: 'POST', rejectUnauthorized: false })
    req.end('hello')
    const [response] = (await once(req, 'response')) as [IncomingMessage]
    response.resume()
    expect(response.statusCode).toBe(201)
    await when(() => text.includes('data: hello'))
    server.signal('SIGTERM')
    expect(await server.ended).toBe(0)
  })
})

test('connect() follows a server that is restarted', async () => {
  const folder = temporary()
  const port = String(await freePort())
  const first = await startServer('--engine', `disk:${folder}`, '--port', port)
  const seen: string[] = []
  const stream = connect(`${first.url}/events?topic=a`, { reconnect: { min: 20, max: 100 } })
  onTestFinished(() => stream.close())
  const loop = (async () => {
    for await (const { data } of stream) seen.push(data)
  })()
  await when(() => stream.lastEventId !== '')
  await fetch(`${first.url}/topics/a`, post('1'))
  await when(() => seen.length === 1)
  first.signal('SIGKILL')
  await first.ended
  await startServer('--engine', `disk:${folder}`, '--port', port)
  await fetch(`${first.url}/topics/a`, post('2'))
  await when(() => seen.length === 2)
  expect(seen).toEqual(['1', '2'])
  stream.close()
  await loop
})

/** A folder that is gone with the test. */
function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'server-sent-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
