// connect(): what the standard's class lacks.
import { connect, type ConnectOptions, type EventStream, type Reconnect } from '../../src/client/index.js'
import { defineEvents, SseError, SseItem, unchecked } from '../../src/index.js'
import { END_ID } from '../../src/protocol/headers.js'
import { formatItem } from '../../src/protocol/index.js'
import {
  all,
  equal,
  notInBrowsers,
  numbers,
  ok,
  script,
  sleep,
  take,
  thrown,
  until,
  type Case,
  type Context,
  type Script,
} from './helpers.js'
import type { Step } from './misbehaving-server.js'

/** Quick to come back. */
const SOON = { min: 1, max: 5 }

/** A stream of the steps, and what it tells of its reconnects. */
function follow(
  context: Context,
  steps: readonly Step[],
  options: ConnectOptions<any> = {},
): Script & { stream: EventStream<any>; reconnects: Reconnect[] } {
  const reconnects: Reconnect[] = []
  const commanded = script(context, steps)
  const stream = connect(commanded.url, {
    reconnect: SOON,
    ...options,
    onReconnect(info) {
      reconnects.push(info)
      options.onReconnect?.(info)
    },
  })
  context.onEnd(() => stream.close())
  return { ...commanded, stream, reconnects }
}

/** Reads all there is, leaves while it waits for more, and for the end. */
async function waiting(stream: EventStream<any>, leave: () => void): Promise<void> {
  let count = 0
  for await (const _ of stream) if (++count === 2) setTimeout(leave, 60)
}

const codes = (reconnects: Reconnect[]): unknown[] =>
  reconnects.map(({ reason }) => (reason instanceof SseError ? (reason.response?.status ?? reason.code) : 'network'))

const loop: Case[] = [
  {
    name: 'opens at the first next(), not before',
    async run(context) {
      const { stream, seen } = follow(context, [{ body: 'data: a\n\n' }])
      const iterator = stream[Symbol.asyncIterator]()
      await sleep(50)
      equal([(await seen()).length, stream.status], [0, 'connecting'])
      const { value } = await iterator.next()
      equal([value.data, stream.status, (await seen()).length], ['a', 'open', 1])
    },
  },
  {
    name: 'gives items with event, data, id and lastEventId, which can be sent on as they came',
    async run(context) {
      const body = 'event: a\ndata: 1\ndata: 2\nid: x\nretry: 5\n\ndata: {}\n\n'
      const items = await take(follow(context, [{ body }]).stream, 2)
      equal(
        items.map(({ event, data, id, retry, lastEventId }) => [event, data, id, retry, lastEventId]),
        [
          ['a', '1\n2', 'x', 5, 'x'],
          ['message', '{}', undefined, undefined, 'x'],
        ],
      )
      ok(
        items.every((item) => item instanceof SseItem),
        'items',
      )
      equal(items.map((item) => formatItem(item)).join(''), body)
    },
  },
  {
    name: 'asks with GET, Accept and the last event ID it is told to start from, as UTF-8',
    async run(context) {
      const { stream, seen } = follow(context, [{ body: 'data: a\n\n' }], { lastEventId: 'é' })
      equal(stream.lastEventId, 'é')
      await take(stream, 1)
      const [{ method, headers } = { method: '', headers: {} as any }] = await seen()
      equal([method, headers['accept'], headers['last-event-id']], ['GET', 'text/event-stream', 'Ã©'])
    },
  },
  {
    name: 'its lastEventId is that of what the loop was given, IDs alone included',
    async run(context) {
      const { stream } = follow(context, [{ body: 'id: 0\n\nid: 1\ndata: a\n\ndata: b\n\nid: 2\n\nid: 3\ndata: c\n\nid: 4\n\n' }])
      const ids: string[] = []
      for await (const { data } of stream) {
        ids.push(stream.lastEventId)
        if (data === 'c') break
      }
      equal(ids, ['1', '1', '3'])
      const idle = follow(context, [{ body: 'id: 5\n\n', last: 'end' }])
      void idle.stream[Symbol.asyncIterator]().next()
      await until('the ID alone', () => (idle.stream.lastEventId === '5' ? true : undefined))
    },
  },
  ...(
    [
      ['the loop is left', async (stream) => void (await take(stream, 1))],
      [
        'the loop fails',
        async (stream) =>
          void (await thrown(async () => {
            for await (const _ of stream) throw new Error('mine')
          })),
      ],
      ['close() is called while it waits', (stream) => waiting(stream, () => stream.close())],
      ['the signal aborts while it waits', (stream, abort) => waiting(stream, abort)],
      [
        'return() is called while it waits',
        async (stream) => {
          const iterator = stream[Symbol.asyncIterator]()
          await iterator.next()
          await iterator.next()
          const waiting = iterator.next()
          await sleep(20)
          equal(await iterator.return?.(), { done: true, value: undefined })
          equal(await waiting, { done: true, value: undefined })
        },
      ],
      [
        '`until` is true',
        async (stream) =>
          equal(
            (await all(stream)).map(({ data }) => data),
            ['1', '2'],
          ),
      ],
    ] as [string, (stream: EventStream<any>, abort: () => void) => Promise<void>][]
  ).map(([when, leave]): Case => ({
    name: `when ${when}, it has ended, and the connection is gone at once`,
    async run(context) {
      const abort = new AbortController()
      const { stream, seen } = follow(context, [{ body: 'data: 1\n\ndata: 2\n\n' }], {
        signal: abort.signal,
        ...(when.includes('until') && { until: ({ data }: any) => data === '2' }),
      })
      await leave(stream, () => abort.abort(new Error('no matter')))
      equal([stream.status, await all(stream)], ['closed', []])
      await until('the end', async () => (await seen())[0]?.gone)
      await sleep(30)
      equal((await seen()).length, 1)
    },
  })),
  {
    name: 'ended before it began, it asks for nothing',
    async run(context) {
      for (const options of [{ signal: AbortSignal.abort() }, {}]) {
        const { stream, seen } = follow(context, [{ body: 'data: a\n\n' }], options)
        if (!options.signal) stream.close()
        equal([await all(stream), stream.status, (await seen()).length], [[], 'closed', 0])
      }
    },
  },
  {
    name: 'ended during slow headers or a wait, it asks no more, and says nothing',
    async run(context) {
      for (const steps of [[{ slow: true }], [{ status: 503 }, {}]] as Step[][]) {
        const abort = new AbortController()
        const { stream, seen, requests, reconnects } = follow(context, steps, {
          signal: abort.signal,
          reconnect: { min: 100_000, max: 100_000 },
        })
        const ended = all(stream)
        await requests(1)
        if (!steps[0]?.slow) await until('the wait', () => reconnects.length > 0 || undefined)
        await sleep(20)
        abort.abort()
        equal(await ended, [])
        await until('the end', async () => (await seen())[0]?.gone)
        equal((await seen()).length, 1)
      }
    },
  },
  {
    name: 'no listener stays on the signal of the caller',
    async run(context) {
      const { signal } = new AbortController()
      let listeners = 0
      const counting = new Proxy(signal, {
        get(target, name) {
          if (name === 'addEventListener') return (...args: [any, any]) => (listeners++, target.addEventListener(...args))
          if (name === 'removeEventListener') return (...args: [any, any]) => (listeners--, target.removeEventListener(...args))
          const value: unknown = Reflect.get(target, name)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
      const { stream } = follow(context, [{ body: 'data: a\n\n', last: 'end' }, { status: 204 }], { signal: counting })
      equal((await all(stream)).length, 1)
      equal(listeners, 0)
    },
  },
  {
    name: 'calls of next() are answered one after the other',
    async run(context) {
      const iterator = follow(context, [{ body: 'data: 1\n\ndata: 2\n\n' }, { status: 204 }]).stream[Symbol.asyncIterator]()
      const results = await Promise.all([iterator.next(), iterator.next()])
      equal(
        results.map(({ value }) => value.data),
        ['1', '2'],
      )
    },
  },
  {
    name: 'a loop that does not pull stops the server from sending',
    async run(context) {
      const { stream, seen } = follow(context, [{ last: 'items' }])
      const iterator = stream[Symbol.asyncIterator]()
      await iterator.next()
      // Chromium itself takes some 64 MB.
      let before = -1
      await until('a server that waits', async () => {
        const taken = (await seen())[0]?.taken ?? 0
        const waits = taken === before
        ok(taken < 160_000_000, `${taken} bytes`)
        before = taken
        await sleep(400)
        return waits || undefined
      })
      for (let count = 0; count < 100; count++) await iterator.next()
      await iterator.return?.()
    },
  },
]

const ends: Case[] = [
  {
    name: '204 ends the loop',
    async run(context) {
      const { stream, seen } = follow(context, [{ body: 'data: a\n\n', last: 'end' }, { status: 204 }])
      equal([(await all(stream)).length, stream.status, (await seen()).length], [1, 'closed', 2])
    },
  },
  {
    name: "our server's `reconnect: false` ends the loop, and is no position",
    async run(context) {
      const { stream, seen } = follow(context, [{ body: `id: 1\ndata: a\n\nid: ${END_ID}\n\n` }])
      equal([(await all(stream)).length, stream.lastEventId, stream.status], [1, '1', 'closed'])
      await until('the end', async () => (await seen())[0]?.gone)
      equal((await seen()).length, 1)
    },
  },
  ...[400, 401, 403, 404, 409, 410, 422].map((status): Case => ({
    name: `${status} is thrown, with status, headers and the first bytes`,
    async run(context) {
      const { stream, seen } = follow(context, [
        { status, type: 'application/json', body: '{"code":"NO"}', headers: { 'x-shown': 'yes' }, last: 'end' },
      ])
      const error = await thrown(() => all(stream))
      ok(error instanceof SseError, 'an SseError')
      equal(
        [error.code, error.response?.status, error.response?.body, error.response?.headers.get('x-shown')],
        ['SSE_BAD_RESPONSE', status, '{"code":"NO"}', 'yes'],
      )
      equal([stream.status, (await seen()).length, await all(stream)], ['closed', 1, []])
    },
  })),
  {
    name: 'a redirect without a place is thrown',
    run: async (context) => equal((await thrown(() => all(follow(context, [{ status: 302, last: 'end' }]).stream))).response.status, 302),
  },
  {
    name: 'a page instead of a stream is thrown',
    async run(context) {
      const error = await thrown(() => all(follow(context, [{ type: 'text/html', body: '<title>Sign in</title>', last: 'end' }]).stream))
      equal([error.code, error.response.status, error.response.body], ['SSE_BAD_RESPONSE', 200, '<title>Sign in</title>'])
    },
  },
  {
    name: 'an item without end is thrown, after what came before',
    async run(context) {
      const { stream, seen } = follow(context, [{ body: 'data: a\n\n', last: 'flood' }], { maxBufferSize: 100_000 })
      const items: unknown[] = []
      const error = await thrown(async () => {
        for await (const { data } of stream) items.push(data)
      })
      equal([items, error.code], [['a'], 'SSE_BUFFER_LIMIT'])
      await until('the end of the flood', async () => (await seen())[0]?.gone)
    },
  },
  {
    name: 'an item without end is thrown after what came before, also in the same chunk',
    async run(context) {
      const own = (): Response => new Response(`data: a\n\n${'x'.repeat(5000)}`, { headers: { 'content-type': 'text/event-stream' } })
      const items: unknown[] = []
      const error = await thrown(async () => {
        for await (const { data } of connect(context.url, { fetch: own, maxBufferSize: 1000 })) items.push(data)
      })
      equal([items, error.code], [['a'], 'SSE_BUFFER_LIMIT'])
    },
  },
  {
    name: 'what is wrong in itself is a TypeError at once',
    async run(context) {
      const { url } = context
      const wrong: [unknown, any?][] = [
        ['http://[not valid/'],
        ['ftp://example.not/'],
        ['http://user:secret@127.0.0.1/'],
        [url, { headers: { 'a b': '1' } }],
        [url, { idleTimeout: -1 }],
        [url, { idleTimeout: '1' }],
        [url, { reconnect: { min: Number.NaN } }],
        [url, { reconnect: { max: '5' } }],
        [url, { maxBufferSize: 0 }],
        [url, { lastEventId: 5 }],
        [url, { events: {} }],
        [url, { shared: true }],
        [url, { method: 'POST', body: new ReadableStream(), reconnect: true }],
      ]
      if (context.runtime !== 'bun') wrong.push([url, { body: 'a' }], [url, { method: 'TRACE' }])
      for (const [to, options] of wrong) {
        const what = `${String(to)} ${JSON.stringify(options)}`
        equal((await thrown(() => connect(to as string, options), what)).name, 'TypeError', what)
      }
    },
  },
]

const comesBack: Case[] = [
  {
    name: 'after an end, a cut, 500, 503, 408, 425 and 429 it comes back, with what it was given',
    async run(context) {
      // Chromium answers a 408 by itself, with another try.
      const others = context.runtime === 'chromium' ? [500, 503, 503, 425, 429] : [500, 503, 408, 425, 429]
      const { stream, reconnects, seen } = follow(context, [
        { body: 'id: 1\ndata: 1\n\n', last: 'end' },
        ...others.map((status) => ({ status, last: 'end' }) as const),
        { body: 'id: 2\ndata: 2\n\nid: 3\ndata: hal', last: 'cut' },
        { body: 'id: 3\ndata: 3\n\n' },
      ])
      equal(
        (await take(stream, 3)).map(({ data }) => data),
        ['1', '2', '3'],
      )
      equal(codes(reconnects), ['SSE_CLOSED', ...others, 'network'])
      equal(
        reconnects.map(({ attempt }) => attempt),
        [1, 2, 3, 4, 5, 6, 7],
      )
      equal(
        (await seen()).map(({ headers }) => headers['last-event-id']),
        [undefined, '1', '1', '1', '1', '1', '1', '2'],
      )
    },
  },
  {
    name: 'its status says where it is',
    async run(context) {
      const told: unknown[] = []
      const { stream } = follow(context, [{ status: 500, last: 'end' }, { body: 'data: a\n\n' }], {
        onReconnect: () => told.push(stream.status),
        onOpen: (response) => told.push(stream.status, response.status),
      })
      told.push(stream.status)
      await take(stream, 1)
      equal([...told, stream.status], ['connecting', 'reconnecting', 'open', 200, 'closed'])
    },
  },
  {
    name: 'a network that fails is tried again, and thrown with reconnect: false',
    async run(context) {
      const { url } = script(context, [{ body: 'data: a\n\n' }])
      let calls = 0
      const failing = (to: string, init: RequestInit): Promise<Response> =>
        calls++ === 0 ? Promise.reject(new TypeError('down')) : fetch(to, init)
      equal((await take(connect(url, { fetch: failing, reconnect: SOON }), 1)).length, 1)
      calls = 0
      equal((await thrown(() => all(connect(url, { fetch: failing, reconnect: false })))).message, 'down')
    },
  },
  {
    name: 'with reconnect: false the end of the stream ends the loop, a cut and 503 are thrown',
    async run(context) {
      equal((await all(follow(context, [{ body: 'data: a\n\n', last: 'end' }], { reconnect: false }).stream)).length, 1)
      ok(
        (await thrown(() => all(follow(context, [{ body: 'data: a\n\n', last: 'cut' }], { reconnect: false }).stream))) instanceof Error,
        'the cut',
      )
      equal((await thrown(() => all(follow(context, [{ status: 503, last: 'end' }], { reconnect: false }).stream))).response.status, 503)
    },
  },
  {
    name: 'what is posted is posted once, unless told',
    async run(context) {
      const post = { method: 'POST', body: '{"prompt":1}', headers: { 'content-type': 'application/json' }, reconnect: undefined }
      for (const last of ['end', 'cut'] as const) {
        const { stream, seen } = follow(context, [{ body: 'data: a\n\n', last }], post)
        const items: unknown[] = []
        await (async () => {
          for await (const item of stream) items.push(item)
        })().catch(() => {})
        await sleep(30)
        const requests = await seen()
        equal(
          [items.length, requests.map(({ method, body, headers }) => [method, body, headers['content-type']])],
          [1, [['POST', '{"prompt":1}', 'application/json']]],
          last,
        )
      }
      const { stream, seen } = follow(context, [{ status: 503, last: 'end' }], post)
      await thrown(() => all(stream))
      equal((await seen()).length, 1)
      const again = follow(context, [{ body: 'data: a\n\n', last: 'end' }], { ...post, reconnect: SOON })
      await take(again.stream, 2)
      equal(
        (await again.seen()).map(({ body }) => body),
        ['{"prompt":1}', '{"prompt":1}'],
      )
    },
  },
  {
    name: 'waits a random time below a ceiling that doubles, from what `retry:` says',
    async run(context) {
      const { stream, reconnects } = follow(
        context,
        [
          { body: 'retry: 3\n\n', last: 'end' },
          ...Array.from({ length: 7 }, () => ({ status: 500, last: 'end' }) as const),
          { body: 'data: a\n\n' },
        ],
        { reconnect: { min: 100_000, max: 20 } },
      )
      await take(stream, 1)
      equal(
        reconnects.map(({ attempt }) => attempt),
        [1, 2, 3, 4, 5, 6, 7, 8],
      )
      for (const { attempt, delay } of reconnects) ok(delay >= 0 && delay <= Math.min(20, 3 * 2 ** (attempt - 1)), `${delay} at ${attempt}`)
    },
  },
  {
    name: 'counts anew after a connection that held',
    async run(context) {
      const { stream, reconnects } = follow(
        context,
        [
          { status: 500, last: 'end' },
          { status: 500, last: 'end' },
          { body: 'data: aaaaaaaaaa\n\n', trickle: [1, 10], last: 'end' },
          { status: 500, last: 'end' },
          { body: 'data: b\n\n' },
        ],
        { reconnect: { ...SOON, resetAfter: 60 } },
      )
      await take(stream, 2)
      equal(
        reconnects.map(({ attempt }) => attempt),
        [1, 2, 1, 2],
      )
    },
  },
  {
    name: 'Retry-After is heeded, in seconds and as a date',
    async run(context) {
      for (const [status, value] of [
        [503, '70'],
        [429, new Date(Date.now() + 70_000).toUTCString()],
      ] as const) {
        const { stream, reconnects } = follow(context, [{ status, headers: { 'retry-after': value }, last: 'end' }], {
          onReconnect: () => stream.close(),
        })
        equal(await all(stream), [])
        const delay = reconnects[0]?.delay ?? 0
        // Seconds of the date may have gone by.
        ok(delay >= 30_000 && delay <= 70_010, `${delay} for ${value}`)
      }
    },
  },
  {
    name: 'its headers are asked for at each attempt, and once more for a 401',
    async run(context) {
      let calls = 0
      const headers = async (): Promise<HeadersInit> => ({ authorization: `${++calls}` })
      const { stream, reconnects, seen } = follow(
        context,
        [
          { body: 'data: a\n\n', last: 'end' },
          { status: 401, last: 'end' },
          { body: 'data: b\n\n', last: 'end' },
          { status: 401, last: 'end' },
        ],
        { headers },
      )
      const error = await thrown(() => all(stream))
      equal([error.response.status, codes(reconnects)], [401, ['SSE_CLOSED', 401, 'SSE_CLOSED', 401]])
      ok(
        reconnects.every(({ reason, delay }) => (reason as SseError).response?.status !== 401 || delay === 0),
        'at once',
      )
      equal(
        (await seen()).map(({ headers }) => headers['authorization']),
        ['1', '2', '3', '4', '5'],
      )
    },
  },
  {
    name: 'headers follow a redirect at home, and to another origin not',
    async run(context) {
      for (const where of ['same', 'other'] as const) {
        const there = script(context, [{ body: 'data: a\n\n' }])
        const { stream } = follow(context, [{ status: 307, redirect: [where, there.path] }], {
          headers: { 'x-key': 'secret' },
          lastEventId: '7',
        })
        await take(stream, 1)
        const seen = await there.seen()
        equal([seen.at(-1)?.headers['x-key'], seen.at(-1)?.headers['last-event-id']], [where === 'same' ? 'secret' : undefined, '7'])
        if (where === 'other') ok(!JSON.stringify(seen.map(({ headers }) => headers)).includes('"secret"'), 'no secret')
      }
    },
  },
  {
    name: 'a redirected POST follows by the rules of fetch, its body staying behind when it becomes a GET',
    only: notInBrowsers,
    async run(context) {
      for (const [status, method, body, type] of [
        [307, 'POST', 'x', 'text/x'],
        [308, 'POST', 'x', 'text/x'],
        [301, 'GET', '', undefined],
        [302, 'GET', '', undefined],
        [303, 'GET', '', undefined],
      ] as const) {
        const there = script(context, [{ body: 'data: a\n\n' }])
        const { stream } = follow(context, [{ status, redirect: ['same', there.path] }], {
          method: 'POST',
          body: 'x',
          headers: { 'content-type': 'text/x', 'x-key': '1' },
        })
        await take(stream, 1)
        const [request] = await there.seen()
        equal(
          [request?.method, request?.body, request?.headers['content-type'], request?.headers['x-key']],
          [method, body, type, '1'],
          String(status),
        )
      }
    },
  },
  {
    name: 'silence is noticed, in mid-item and before the answer; comments are no silence',
    async run(context) {
      const { stream, reconnects } = follow(
        context,
        [
          { body: 'id: 1\ndata: a\n\nid: 2\ndata: hal' },
          { slow: true },
          { body: ': life\n'.repeat(16) + 'data: b\n\n', trickle: [7, 300] },
        ],
        // A busy machine may be silent for a second or two.
        { idleTimeout: 4000 },
      )
      const begun = performance.now()
      equal(
        (await take(stream, 2)).map(({ data }) => data),
        ['a', 'b'],
      )
      equal(codes(reconnects), ['SSE_IDLE', 'SSE_IDLE'])
      ok(performance.now() - begun > 12_000, 'both were waited for, and the comments')
    },
  },
  {
    name: 'silence is no matter with idleTimeout: 0, nor while the loop does not ask',
    async run(context) {
      const quiet = follow(context, [{ body: 'data: a\n\n' }], { idleTimeout: 0 })
      const iterator = quiet.stream[Symbol.asyncIterator]()
      await iterator.next()
      void iterator.next()
      const slow = follow(context, [{ body: 'data: a\n\n' }], { idleTimeout: 300 })
      await slow.stream[Symbol.asyncIterator]().next()
      const before = slow.reconnects.length
      await sleep(800)
      equal([quiet.reconnects.length, quiet.stream.status, slow.reconnects.length, slow.stream.status], [0, 'open', before, 'open'])
    },
  },
  {
    name: 'a fetch of its own may answer at once, without a body, and without heeding the signal',
    async run(context) {
      const type = { 'content-type': 'text/event-stream' }
      let calls = 0
      const own = (): Response => new Response(++calls === 1 ? null : 'data: a\n\n', { headers: type })
      const reconnects: Reconnect[] = []
      equal(
        (await take(connect(context.url, { fetch: own, reconnect: SOON, onReconnect: (info) => void reconnects.push(info) }), 2)).length,
        2,
      )
      equal([calls, codes(reconnects)], [3, ['SSE_CLOSED', 'SSE_CLOSED']])
      let cancelled = 0
      const deaf = (): Response => new Response(new ReadableStream({ cancel: () => void cancelled++ }), { headers: type })
      const stream = connect(context.url, { fetch: deaf })
      setTimeout(() => stream.close(), 50)
      equal([await all(stream), cancelled], [[], 1])
    },
  },
  {
    name: 'what onOpen, onReconnect and until throw ends the loop',
    async run(context) {
      const mine = new Error('mine')
      const fail = (): never => {
        throw mine
      }
      for (const name of ['onOpen', 'onReconnect', 'until']) {
        const { stream } = follow(context, [{ body: 'data: a\n\n', last: 'end' }], { [name]: fail })
        ok((await thrown(() => all(stream))) === mine, name)
      }
    },
  },
]

const resumes: Case[] = [
  ...(
    [
      ['numbers', ['8', '9'], ['7', '8', '9', '10', '11']],
      [
        'numbers beyond what a number holds',
        ['9007199254740992', '9007199254740993'],
        ['9007199254740992', '9007199254740993', '9007199254740994', '10000000000000000000'],
      ],
      ['positions of our hub', ['k3x-8', 'k3x-9'], ['k3x-7', 'k3x-8', 'k3x-9', 'k3x-10', 'q-1']],
      ['positions of our hub with a scope', ['k3x-8~a', 'k3x-9~a'], ['k3x-8~a', 'k3x-9~a', 'k3x-10~a']],
      ['a position of another epoch', ['k3x-9'], ['q-1', 'k3x-8']],
      ['a position of another scope', ['k3x-9~a'], ['k3x-8~b', 'k3x-9~a']],
      ['text', ['b'], ['b', 'a', 'b']],
      ['numbers with leading zeros', ['09'], ['08', '09']],
      ['an ID that was taken back', ['9', ''], ['8', '9']],
    ] as const
  ).map(([what, first, second]): Case => ({
    name: `drops what it has seen: ${what}`,
    async run(context) {
      const items = (ids: readonly string[]): string => ids.map((id) => `id: ${id}\ndata: ${id}\n\n`).join('')
      const { stream } = follow(context, [{ body: items(first), last: 'end' }, { body: `${items(second)}event: last\ndata:\n\n` }], {
        until: ({ event }: any) => event === 'last',
      })
      const got = (await all(stream)).map(({ data }) => data).slice(first.length, -1)
      const wanted: Record<string, readonly string[]> = {
        numbers: ['10', '11'],
        'numbers beyond what a number holds': second.slice(2),
        'positions of our hub': ['k3x-10', 'q-1'],
        'positions of our hub with a scope': ['k3x-10~a'],
        text: ['a', 'b'],
      }
      equal(got, wanted[what] ?? second)
    },
  })),
  {
    name: 'items without an ID of their own are never dropped, and IDs that were seen do not move the position back',
    async run(context) {
      const { stream, seen } = follow(context, [
        { body: 'id: 8\ndata: 8\n\n', last: 'end' },
        { body: 'data: none\n\nid: 7\ndata: 7\n\ndata: inherits\n\nid: 6\n\n', last: 'end' },
        { body: 'data: last\n\n' },
      ])
      const positions: string[] = []
      const got: unknown[] = []
      for await (const { data } of stream) {
        got.push(data)
        positions.push(stream.lastEventId)
        if (data === 'last') break
      }
      equal(
        [got, positions],
        [
          ['8', 'none', 'inherits', 'last'],
          ['8', '8', '8', '8'],
        ],
      )
      equal((await seen()).at(-1)?.headers['last-event-id'], '8')
    },
  },
  {
    name: 'where the caller started from, nothing has been seen',
    async run(context) {
      const { stream } = follow(context, [{ status: 500, last: 'end' }, { body: 'id: 3\ndata: 3\n\n' }], { lastEventId: '9' })
      equal(
        (await take(stream, 1)).map(({ data }) => data),
        ['3'],
      )
    },
  },
  ...[1, 2, 3].map((seed): Case => ({
    name: `every number once, in order, over connections cut at random (${seed})`,
    run: (context) => readNumbers(context, seed, 40).then(() => undefined),
  })),
]

/** How many connections it took. */
export async function readNumbers(context: Context, seed: number, to: number): Promise<number> {
  const { url, seen } = numbers(context, to, seed, false)
  const stream = connect(url, { reconnect: { min: 1, max: 2 } })
  context.onEnd(() => stream.close())
  equal(
    (await all(stream)).map(({ data }) => data),
    Array.from({ length: to }, (_, index) => `${index + 1} é😀`),
  )
  equal(stream.lastEventId, String(to))
  return (await seen()).length
}

const gap = { topics: ['a'], reason: 'expired', from: '1', to: '5' }
const events = defineEvents({
  stock: {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value: any) => (typeof value?.left === 'number' ? { value } : { issues: [{ message: 'left?' }] }),
    },
  },
  note: unchecked<string>(),
})

const typed: Case[] = [
  {
    name: 'events come parsed and validated, unknown ones are skipped, gaps come in order',
    async run(context) {
      const body = `event: stock\ndata: {"left":2}\nid: 1\n\nevent: other\ndata: x\nid: 2\n\nevent: gap\ndata: ${JSON.stringify(gap)}\n\nevent: note\ndata: "text"\nid: 5\n\n`
      const { stream } = follow(context, [{ body }], { events })
      const items = await take(stream, 3)
      equal(
        items.map(({ event, data, id, lastEventId }) => [event, data, id, lastEventId]),
        [
          ['stock', { left: 2 }, '1', '1'],
          ['gap', gap, undefined, '2'],
          ['note', 'text', '5', '5'],
        ],
      )
      ok(
        items.every((item) => item instanceof SseItem),
        'items',
      )
      equal(formatItem(items[2] as SseItem), 'event: note\ndata: "text"\nid: 5\n\n', 'a relay sends JSON')
    },
  },
  {
    name: 'without a map gaps are items like others',
    async run(context) {
      const [item] = await take(follow(context, [{ body: `event: gap\ndata: ${JSON.stringify(gap)}\n\n` }]).stream, 1)
      equal([item.event, JSON.parse(item.data)], ['gap', gap])
    },
  },
  ...(
    [
      ['no JSON', 'stock', '{"left":'],
      ['refused by its schema', 'stock', '{}'],
      ['a gap that is no JSON', 'gap', 'x'],
    ] as const
  ).map(([what, event, data]): Case => ({
    name: `invalid data throws: ${what}`,
    async run(context) {
      const { stream, seen } = follow(context, [{ body: `event: note\ndata: 1\n\nevent: ${event}\ndata: ${data}\n\n` }], { events })
      const items: unknown[] = []
      const error = await thrown(async () => {
        for await (const item of stream) items.push(item)
      })
      equal([error.code, items.length, stream.status], ['SSE_INVALID_DATA', 1, 'closed'])
      await until('the end', async () => (await seen())[0]?.gone)
    },
  })),
  {
    name: 'onInvalid hears of what is skipped then, and what it throws ends the loop',
    async run(context) {
      const body = 'event: other\ndata: x\n\nevent: stock\ndata: {}\n\nevent: note\ndata: {\n\nevent: note\ndata: 1\n\n'
      const told: unknown[] = []
      const { stream } = follow(context, [{ body }], {
        events,
        onInvalid: (error, item) => void told.push([error.code, item.event, item.data]),
      })
      equal(
        (await take(stream, 1)).map(({ data }) => data),
        [1],
      )
      equal(told, [
        ['SSE_UNKNOWN_EVENT', 'other', 'x'],
        ['SSE_INVALID_DATA', 'stock', '{}'],
        ['SSE_INVALID_DATA', 'note', '{'],
      ])
      const mine = new Error('mine')
      const failing = follow(context, [{ body }], {
        events,
        onInvalid: () => {
          throw mine
        },
      })
      ok((await thrown(() => all(failing.stream))) === mine, 'mine')
    },
  },
  {
    name: 'until is asked about typed items, not about skipped ones',
    async run(context) {
      const asked: unknown[] = []
      const { stream } = follow(context, [{ body: 'event: other\ndata: x\n\nevent: note\ndata: "a"\n\n' }], {
        events,
        until: (item: any) => (asked.push(item.data), true),
      })
      equal([(await all(stream)).length, asked], [1, ['a']])
    },
  },
]

export const connectCases: readonly Case[] = [...loop, ...ends, ...comesBack, ...resumes, ...typed].map((one) => ({
  ...one,
  name: `connect: ${one.name}`,
}))
