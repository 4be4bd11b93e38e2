import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** One answer, given on command. */
export interface Step {
  readonly status?: number
  /** The content type; '' for none. */
  readonly type?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  /** The body holds bytes, one in each character, instead of text. */
  readonly bytes?: boolean
  /** After how many bytes of the body the rest is withheld; then happens what `last` says. */
  readonly after?: number
  /** What comes after the body: the end, a connection that is cut, nothing any more, one line without end, or items without end. */
  readonly last?: 'end' | 'cut' | 'hang' | 'flood' | 'items'
  /** Milliseconds before the head of the answer; `true` for ever. */
  readonly slow?: number | true
  /** Milliseconds between the pieces of the body, which are then this many bytes long. */
  readonly trickle?: readonly [bytes: number, pause: number]
  /** Sends what it was asked, as an item: method, headers, body. */
  readonly echo?: boolean
  /** Where to: the `same` origin, or the `other` one of the two, with the path of another script; needs a 3xx status. */
  readonly redirect?: readonly ['same' | 'other', string]
  /** No word of it reaches scripts of other origins. */
  readonly noCors?: boolean
}

/** What the server has seen of one script's requests, in order. */
export interface Seen {
  readonly method: string
  readonly headers: Record<string, string | undefined>
  readonly body: string
  readonly at: number
  /** When the connection was gone, if it is. */
  gone?: number
  /** How many bytes of a flood it took. */
  taken?: number
}

export interface Misbehaving {
  readonly url: string
  /** The same server under another origin. */
  readonly other: string
  close(): Promise<void>
}

/**
 * A server that does as it is told by the URL, so that clients of any runtime can command it:
 *
 * - `/script?key=K&steps=JSON`: the nth request of a key gets the nth step, the last one again and again.
 * - `/numbers?key=K&to=N&seed=S`: the numbers after the last event ID up to N, cut off at random; 204 after the last. Unless `exact` is
 *   there, it may send one or two before it again, and answer 503.
 * - `/seen?key=K`: what it has seen, as JSON.
 * - `/page`, and `/page.js` with what `script` gives: for a browser.
 */
export async function startMisbehaving(script: () => string | Promise<string> = () => ''): Promise<Misbehaving> {
  const seen = new Map<string, Seen[]>()
  const others = { same: '', other: '' }
  const sockets = new Set<Socket>()

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', 'http://localhost')
    if (req.method === 'OPTIONS') return void res.writeHead(204, cors(req)).end()
    if (url.pathname === '/page')
      return void res
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<!doctype html><meta charset="utf-8"><title>Page</title><script src="/page.js"></script>')
    if (url.pathname === '/page.js')
      return void res.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(await script())
    const key = url.searchParams.get('key') ?? ''
    if (url.pathname === '/seen')
      return void res.writeHead(200, { 'content-type': 'application/json', ...cors(req) }).end(JSON.stringify(seen.get(key) ?? []))
    const body = await text(req)
    const requests = seen.get(key) ?? []
    seen.set(key, requests)
    const request: Seen = { method: req.method ?? '', headers: req.headers as Seen['headers'], body, at: performance.now() }
    requests.push(request)
    res.on('close', () => (request.gone = performance.now()))
    if (url.pathname === '/script') {
      const steps = JSON.parse(url.searchParams.get('steps') ?? '[]') as Step[]
      return answer(req, res, steps[Math.min(requests.length, steps.length) - 1] ?? {}, request)
    }
    if (url.pathname === '/numbers') return numbers(req, res, url.searchParams, requests.length)
    res.writeHead(404).end()
  }

  async function answer(req: IncomingMessage, res: ServerResponse, step: Step, request: Seen): Promise<void> {
    const { status = 200, type = 'text/event-stream', last = 'hang' } = step
    if (step.slow === true) return
    if (step.slow) await pause(step.slow)
    const [where, path = ''] = step.redirect ?? []
    const elsewhere = req.headers.host === new URL(others.other).host ? others.same : others.other
    const location = where && { location: where === 'same' ? path : elsewhere + path }
    res.writeHead(status, { ...(type && { 'content-type': type }), ...(!step.noCors && cors(req)), ...location, ...step.headers })
    const body = step.echo ? `data: ${JSON.stringify(request)}\n\n` : (step.body ?? '')
    const bytes = Buffer.from(body, step.bytes ? 'latin1' : 'utf8').subarray(0, step.after)
    if ([204, 205, 304].includes(status) || where) return void res.end()
    const [size, time] = step.trickle ?? [bytes.length || 1, 0]
    res.flushHeaders()
    for (let at = 0; at < bytes.length && !res.destroyed; at += size) {
      res.write(bytes.subarray(at, at + size))
      if (time || at + size < bytes.length) await pause(time)
    }
    if (last === 'end') res.end()
    // Only what has left this process arrives before a reset.
    // Not at once: what a busy client hasn't read of a body that fails is lost to it, and rightly.
    if (last === 'cut') setTimeout(() => res.socket?.destroy(), 1000)
    const flood = last === 'flood' ? 'x'.repeat(16_384) : last === 'items' ? `data: ${'x'.repeat(16_384)}\n\n` : ''
    const closed = once(res, 'close')
    request.taken = 0
    if (flood === '') return
    while (!res.destroyed) {
      request.taken += flood.length
      if (!res.write(flood)) await Promise.race([once(res, 'drain'), closed])
    }
  }

  /** `id: n, data: n`, in pieces of random length, and cut off, ended or begun anew (from one or two before) at random. */
  async function numbers(req: IncomingMessage, res: ServerResponse, query: URLSearchParams, round: number): Promise<void> {
    const random = seeded(Number(query.get('seed')) * 1000 + round)
    const to = Number(query.get('to'))
    const last = Number(req.headers['last-event-id'] ?? 0)
    if (last >= to) return void res.writeHead(204, cors(req)).end()
    if (random() < 0.1 && !query.has('exact')) return void res.writeHead(503, { 'content-type': 'text/plain', ...cors(req) }).end('later')
    res.writeHead(200, { 'content-type': 'text/event-stream', ...cors(req) })
    res.flushHeaders()
    // Some servers send the last ones again.
    const first = Math.max(1, last + 1 - (query.has('exact') ? 0 : Math.floor(random() * 3)))
    let body = 'retry: 1\n\n'
    for (let number = first; number <= to; number++) {
      body += random() < 0.2 ? `: comment ${number}\n` : ''
      body += `id: ${number}${random() < 0.3 ? '\r\n' : '\n'}data: ${number} é😀\n\n`
      // An ID alone says that the item was sent, and it was.
      if (random() < 0.1) body += `id: ${number}\n\n`
    }
    const bytes = Buffer.from(body).subarray(0, 1 + Math.floor(random() * 400))
    for (let at = 0; at < bytes.length;) {
      const size = 1 + Math.floor(random() * 60)
      res.write(bytes.subarray(at, (at += size)))
      if (random() < 0.3) await pause(0)
    }
    if (random() < 0.5) res.end()
    else setTimeout(() => res.socket?.destroy(), 5)
  }

  const servers = await Promise.all([listen(), listen()])
  others.same = urlOf(servers[0], '127.0.0.1')
  others.other = urlOf(servers[1], 'localhost')

  async function listen(): Promise<Server> {
    const server = createServer((req, res) => {
      handle(req, res).catch((error: unknown) => res.destroy(error as Error))
    })
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    await new Promise<void>((resolve) => server.listen(0, resolve))
    return server
  }

  return {
    url: others.same,
    other: others.other,
    async close() {
      for (const socket of sockets) socket.destroy()
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
}

function cors({ headers }: IncomingMessage): Record<string, string> {
  return {
    'access-control-allow-origin': headers.origin ?? '*',
    'access-control-allow-credentials': 'true',
    'access-control-allow-headers': headers['access-control-request-headers'] ?? '*',
    'access-control-allow-methods': 'GET, POST, PUT',
    'access-control-expose-headers': 'retry-after, x-shown',
  }
}

function urlOf(server: Server, host: string): string {
  return `http://${host}:${(server.address() as AddressInfo).port}`
}

async function text(req: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of req.setEncoding('utf8')) body += chunk
  return body
}

function pause(time: number): Promise<void> {
  return new Promise((resolve) => (time ? setTimeout(resolve, time) : setImmediate(resolve)))
}

/** Mulberry32: the same numbers for the same seed. */
function seeded(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
