// EventSource from the standard's text (HTML 9.2), to the depth of the Web Platform Tests' eventsource/ folder.
import { EventSource } from '../../src/client/index.js'
import { equal, notInBrowsers, numbers, ok, script, sleep, thrown, until, watch, type Case, type Context, type Script } from './helpers.js'
import type { Step } from './misbehaving-server.js'

const NOWHERE = 'http://127.0.0.1:9/'

/** A class member whose promise needs no server. */
const shape: Case[] = [
  {
    name: 'a URL that can not be parsed is a SyntaxError',
    async run() {
      // Chromium takes "http://this is invalid/" for a URL.
      const error = await thrown(() => new EventSource('http://[this is invalid/'))
      ok(error instanceof DOMException, 'a DOMException')
      equal([error.name, error.code], ['SyntaxError', 12])
    },
  },
  {
    name: 'a relative URL without a page is a SyntaxError',
    only: notInBrowsers,
    run: async () => equal((await thrown(() => new EventSource('/live'))).name, 'SyntaxError'),
  },
  {
    name: 'a relative URL is taken from the page',
    only: ['chromium'],
    run: (context) =>
      equal([watch(context, 'live?a#b').source.url, watch(context, '').source.url], [`${context.url}/live?a#b`, location.href]),
  },
  {
    name: 'the URL is made a string, and serialised',
    run(context) {
      const urlOf = (url: unknown): string => watch(context, url as string).source.url
      equal(urlOf('HTTP://127.0.0.1:9/a b/../c?é#f'), 'http://127.0.0.1:9/c?%C3%A9#f')
      equal(urlOf(new URL(NOWHERE)), NOWHERE)
      equal(urlOf({ toString: () => NOWHERE }), NOWHERE)
    },
  },
  { name: 'without a URL it is a TypeError', run: async () => equal((await thrown(() => new (EventSource as any)())).name, 'TypeError') },
  {
    name: 'withCredentials is false unless told, and always a boolean',
    run(context) {
      const of = (init?: any): unknown => watch(context, NOWHERE, init).source.withCredentials
      equal(
        [of(), of({}), of({ withCredentials: true }), of({ withCredentials: 'yes' }), of({ withCredentials: undefined }), of(null)],
        [false, false, true, true, false, false],
      )
    },
  },
  {
    name: 'options that could never work are told at once',
    async run() {
      for (const init of [{ headers: { 'a b': '1' } }, { headers: { a: 'b\nc' } }, { maxBufferSize: 0 }, { maxBufferSize: '1' }]) {
        equal((await thrown(() => new EventSource(NOWHERE, init as never))).name, 'TypeError', JSON.stringify(init))
      }
    },
  },
  {
    name: 'the constants are on the class and on its instances, and stay as they are',
    run(context) {
      const { source } = watch(context, NOWHERE)
      equal([EventSource.CONNECTING, EventSource.OPEN, EventSource.CLOSED], [0, 1, 2])
      equal([source.CONNECTING, source.OPEN, source.CLOSED], [0, 1, 2])
      for (const target of [EventSource, EventSource.prototype]) {
        equal(Object.getOwnPropertyDescriptor(target, 'OPEN'), { value: 1, writable: false, enumerable: true, configurable: false })
      }
      equal(Object.keys(source), [])
    },
  },
  {
    name: 'members are where the IDL has them',
    run(context) {
      const names = ['url', 'withCredentials', 'readyState', 'onopen', 'onmessage', 'onerror', 'close']
      for (const name of names)
        ok(Object.getOwnPropertyDescriptor(EventSource.prototype, name)?.enumerable === true, `${name} is enumerable`)
      for (const name of ['url', 'withCredentials', 'readyState'])
        equal(Object.getOwnPropertyDescriptor(EventSource.prototype, name)?.set, undefined, name)
      equal([EventSource.name, EventSource.length, EventSource.prototype.close.length], ['EventSource', 1, 0])
      const { source } = watch(context, NOWHERE)
      equal(Object.prototype.toString.call(source), '[object EventSource]')
      ok(source instanceof EventTarget && source instanceof EventSource, 'an EventTarget')
    },
  },
  {
    name: 'its prototype can be extended',
    run(context) {
      const prototype = EventSource.prototype as any
      prototype.answer = () => 42
      try {
        equal((watch(context, NOWHERE).source as any).answer(), 42)
      } finally {
        delete prototype.answer
      }
    },
  },
  {
    name: 'members ask for an EventSource as this',
    run: async () =>
      equal((await thrown(() => Object.getOwnPropertyDescriptor(EventSource.prototype, 'url')?.get?.call({}))).name, 'TypeError'),
  },
  {
    name: 'event handlers are null, what they were set to, or null for what is no object',
    run(context) {
      const { source } = watch(context, NOWHERE) as any
      const handler = (): void => {}
      const object = {}
      for (const name of ['onopen', 'onmessage', 'onerror']) {
        equal(source[name], null)
        source[name] = handler
        ok(source[name] === handler, 'the function')
        source[name] = object
        ok(source[name] === object, 'the object')
        for (const value of [null, undefined, 1, 'handler']) equal(((source[name] = handler), (source[name] = value), source[name]), null)
      }
    },
  },
  {
    name: 'a handler has its place among the listeners from when it was first set until it is null',
    run(context) {
      const { source } = watch(context, NOWHERE)
      const calls: string[] = []
      source.onmessage = () => calls.push('first handler')
      source.addEventListener('message', () => calls.push('listener'))
      source.onmessage = function (this: unknown, event) {
        ok(this === source && event.target === source, 'this is the source')
        calls.push('second handler')
      }
      source.dispatchEvent(new MessageEvent('message'))
      equal(calls.splice(0), ['second handler', 'listener'])
      source.onmessage = null
      source.dispatchEvent(new MessageEvent('message'))
      equal(calls.splice(0), ['listener'])
      source.onmessage = () => calls.push('third handler')
      source.dispatchEvent(new MessageEvent('message'))
      equal(calls.splice(0), ['listener', 'third handler'])
      ;(source as any).onmessage = { handleEvent: () => calls.push('never') }
      source.dispatchEvent(new MessageEvent('message'))
      equal(calls, ['listener'])
    },
  },
  ...[
    'ftp://example.not/',
    'about:blank',
    'mailto:whatwg@awesome.example',
    "javascript:alert('FAIL')",
    'data:text/event-stream,data:a',
    'http://user:secret@127.0.0.1:9/',
  ].map((url): Case => ({
    name: `${url} is futile: one plain error event, and CLOSED`,
    async run(context) {
      const { source, told, until } = watch(context, url)
      equal(source.readyState, 0)
      await until(1)
      await sleep(30)
      equal(
        told.map(({ type, readyState, event }) => [type, readyState, event.bubbles, event.cancelable, 'data' in event]),
        [['error', 2, false, false, false]],
      )
    },
  })),
]

/** Bodies, and the events they are: type, data, lastEventId. */
const formats: readonly (readonly [name: string, body: string, events: readonly (readonly [string, string, string])[], bytes?: 'bytes'])[] =
  [
    [
      'data in several lines',
      'data:1\ndata\ndata:2\n\ndata\n\ndata\ndata\n\n',
      [
        ['message', '1\n\n2', ''],
        ['message', '', ''],
        ['message', '\n', ''],
      ],
    ],
    [
      'all three line ends',
      'data:a\r\rdata:b\r\n\r\ndata:c\n\n',
      [
        ['message', 'a', ''],
        ['message', 'b', ''],
        ['message', 'c', ''],
      ],
    ],
    [
      'one byte order mark at the beginning',
      '\uFEFFdata:a\n\ndata:b\n\n',
      [
        ['message', 'a', ''],
        ['message', 'b', ''],
      ],
    ],
    ['a second byte order mark, which is text', '\uFEFF\uFEFFdata:a\n\ndata:b\n\n', [['message', 'b', '']]],
    ['comments', ':\n: c\ndata:a\n:data:b\n\n:\n\n', [['message', 'a', '']]],
    ['one space after the colon', 'data: a\ndata:  b\ndata:c \n\n', [['message', 'a\n b\nc ', '']]],
    ['unknown fields and other cases', 'Data:x\n data:x\ndata :x\nfoo\ndata:a\n\n', [['message', 'a', '']]],
    [
      'event types',
      'event:test\ndata:a\n\ndata:b\n\nevent:\ndata:c\n\nevent: test\nevent: message\ndata:d\n\n',
      [
        ['test', 'a', ''],
        ['message', 'b', ''],
        ['message', 'c', ''],
        ['message', 'd', ''],
      ],
    ],
    ['a type without data, which is forgotten', 'event:test\n\ndata:a\n\n', [['message', 'a', '']]],
    ['an event that is called error', 'event: error\ndata:a\n\n', [['error', 'a', '']]],
    [
      'IDs that stay',
      'id: 1\ndata:a\n\ndata:b\n\nid\ndata:c\n\n',
      [
        ['message', 'a', '1'],
        ['message', 'b', '1'],
        ['message', 'c', ''],
      ],
    ],
    ['an ID alone', 'id: 1\n\ndata:a\n\n', [['message', 'a', '1']]],
    ['an ID with NULL, which is ignored', 'id: 1\nid: 2\0\ndata:a\n\n', [['message', 'a', '1']]],
    ['NULL in data', 'data:\0\n\n', [['message', '\0', '']]],
    ['UTF-8, whatever the charset says', 'data:ok…é😀\n\n', [['message', 'ok…é😀', '']]],
    [
      'bytes that are no UTF-8',
      'data:\xff\xc3\n\ndata:a\n\n',
      [
        ['message', '\uFFFD\uFFFD', ''],
        ['message', 'a', ''],
      ],
      'bytes',
    ],
  ]

const reading: Case[] = [
  ...formats.flatMap(([name, body, events, bytes]) =>
    [undefined, [1, 0] as const].map((trickle): Case => ({
      name: `reads ${name}${trickle ? ', byte by byte' : ''}`,
      async run(context) {
        const step: Step = {
          type: 'text/event-stream;charset=windows-1252',
          body: `${body}event:last\ndata:\n\n`,
          ...(bytes && { bytes: true }),
          ...(trickle && { trickle }),
        }
        const { told, until } = watch(context, script(context, [step]).url, {}, ['test', 'last'])
        await until(1, 'last')
        equal(
          told.filter(({ type }) => !['open', 'last'].includes(type)).map(({ type, data, lastEventId }) => [type, data, lastEventId]),
          events,
        )
      },
    })),
  ),
  {
    name: 'an item that is not finished is discarded, wherever it is cut, and asked for again',
    async run(context) {
      // From whole items down to the middle of a character and of a field.
      const body = 'retry: 1\nid: 1\ndata: whole\n\nid: 2\ndata: é'
      const bytes = new TextEncoder().encode(body).length
      for (const last of ['end', 'cut'] as const) {
        for (const less of [0, 1, 2, 12]) {
          const { url, requests } = script(context, [{ body, after: bytes - less, last }, {}])
          const { source, data } = watch(context, url)
          const [, second] = await requests(2)
          equal([data(), second?.headers['last-event-id']], [['whole'], '1'], `${last}, ${less} bytes less`)
          source.close()
        }
      }
    },
  },
  {
    name: 'each message is a MessageEvent with data, origin and lastEventId, and nothing else of note',
    async run(context) {
      const [message] = await watch(context, script(context, [{ body: 'id: é\ndata: a\n\n' }]).url).until(1, 'message')
      const event = message?.event as MessageEvent
      ok(event instanceof MessageEvent, 'a MessageEvent')
      equal(
        [event.data, event.lastEventId, event.origin, event.source, event.ports?.length ?? 0],
        ['a', 'é', new URL(context.url).origin, null, 0],
      )
      equal([event.bubbles, event.cancelable], [false, false])
    },
  },
  {
    name: 'the origin is that of the URL after redirects',
    async run(context) {
      const there = script(context, [{ body: 'data: a\n\n' }], 'other')
      const [message] = await watch(context, script(context, [{ status: 302, redirect: ['other', there.path] }]).url).until(1, 'message')
      equal(message?.origin, new URL(context.other).origin)
    },
  },
  {
    name: 'between two messages of one chunk, all that waits for promises runs',
    async run(context) {
      const { url } = script(context, [{ body: 'data: 1\n\ndata: 2\n\ndata: 3\n\n' }])
      const source = new EventSource(url)
      context.onEnd(() => source.close())
      const next = (type: string): Promise<unknown> =>
        new Promise((resolve) => source.addEventListener(type, (event: MessageEvent) => resolve(event.data), { once: true }))
      await next('open')
      const got: unknown[] = []
      for (let hops = 0; hops < 3; hops++) {
        got.push(
          await next('message')
            .then((data) => data)
            .then(async (data) => data),
        )
      }
      equal(got, ['1', '2', '3'])
    },
  },
  {
    name: 'listeners are functions or objects, called once if they say so, and can go',
    async run(context) {
      const { url } = script(context, [{ body: 'event: a\ndata: 1\n\nevent: a\ndata: 2\n\nevent: a\ndata: 3\n\n' }])
      const source = new EventSource(url)
      context.onEnd(() => source.close())
      const calls: string[] = []
      const going = (event: MessageEvent): void => {
        calls.push(`going ${String(event.data)}`)
        source.removeEventListener('a', going)
      }
      source.addEventListener('a', (event) => calls.push(`once ${String(event.data)}`), { once: true })
      source.addEventListener('a', going)
      source.addEventListener('a', { handleEvent: (event) => calls.push(`object ${String(event.data)}`) })
      source.onmessage = () => calls.push('never')
      await until('three', () => calls.includes('object 3') || undefined)
      equal(calls, ['once 1', 'going 1', 'object 1', 'object 2', 'object 3'])
    },
  },
]

const answers: Case[] = [
  ...[
    'text/event-stream',
    'text/event-stream;',
    'text/event-stream; charset=utf-8',
    'text/event-stream;charset=UTF-8; foo=bar',
    'TEXT/Event-Stream',
  ].map((type): Case => ({
    name: `opens for ${type}`,
    async run(context) {
      equal(
        (await watch(context, script(context, [{ type }]).url).until(1)).map(({ type, readyState }) => [type, readyState]),
        [['open', 1]],
      )
    },
  })),
  ...[
    'text/plain',
    'text/x-bogus',
    'text/event-streams',
    'text/event-stream-foo',
    'application/json; x=text/event-stream',
    'x bogus',
    '',
  ].map((type): Case => fails(`the type ${type || '(none)'}`, { type, body: 'data: a\n\n' })),
  ...[204, 205, 206, 210, 299, 304, 400, 401, 404, 410, 429, 500, 503].map((status): Case =>
    fails(`status ${status}`, { status, body: status === 304 ? '' : 'data: a\n\n' }),
  ),
  fails('a redirect without a place', { status: 302 }),
  {
    name: 'a network error reconnects after the reconnection time, with an error event while CONNECTING',
    async run(context) {
      let calls = 0
      const { url } = script(context, [{ body: 'retry: 20\n\n', last: 'end' }, { body: 'data: a\n\n' }])
      const failing = ((...args: Parameters<typeof fetch>) =>
        calls++ === 1 ? Promise.reject(new TypeError('down')) : fetch(...args)) as typeof fetch
      const { told, until } = watch(context, url, { fetch: failing })
      await until(1, 'message')
      equal(
        told.map(({ type, readyState }) => [type, readyState]),
        [
          ['open', 1],
          ['error', 0],
          ['error', 0],
          ['open', 1],
          ['message', 1],
        ],
      )
    },
  },
  {
    name: 'an end and a cut reconnect',
    async run(context) {
      const { url } = script(context, [
        { body: 'retry:1\ndata: 1\n\n', last: 'end' },
        { body: 'data: 2\n\n', last: 'cut' },
        { body: 'data: 3\n\n' },
      ])
      const { told, until } = watch(context, url)
      await until(3, 'message')
      equal(
        told.map(({ type }) => type),
        ['open', 'message', 'error', 'open', 'message', 'error', 'open', 'message'],
      )
    },
  },
  {
    name: 'reconnects after 3 s unless told',
    only: ['node'],
    async run(context) {
      const { url, requests } = script(context, [{ last: 'end' }, {}])
      watch(context, url)
      const [first, second] = await requests(2)
      const time = (second?.at ?? 0) - (first?.at ?? 0)
      // Late only on a busy machine.
      ok(time > 2950 && time < 20_000, `${time} ms`)
    },
  },
  ...['100000x', 'x100000', '-100000', '1e5', '+5', ' 100 000', '１０００００', '0x99999', '1.5'].map((bogus): Case => ({
    name: `retry: ${bogus} is no time`,
    async run(context) {
      // Were it one, it would be over before, or when nobody waits for it any more.
      const { url, requests } = script(context, [{ body: `retry: 60\nretry:${bogus}\n\n`, last: 'end' }, {}])
      watch(context, url)
      const [first, second] = await requests(2)
      const time = (second?.at ?? 0) - (first?.at ?? 0)
      ok(time >= 55, `${time} ms`)
    },
  })),
  {
    name: 'a retry beyond what timers take is a long time',
    async run(context) {
      const { url, seen } = script(context, [{ body: 'retry: 99999999999\n\n', last: 'end' }, {}])
      await watch(context, url).until(1, 'error')
      await sleep(100)
      equal((await seen()).length, 1)
    },
  },
  {
    name: 'an item that grows beyond maxBufferSize closes it, after what came before',
    async run(context) {
      const { url, seen } = script(context, [{ body: 'retry: 1\ndata: a\n\n', last: 'flood' }])
      const { source, told, until: tells } = watch(context, url, { maxBufferSize: 100_000 })
      await tells(1, 'error')
      equal([told.map(({ type }) => type), source.readyState], [['open', 'message', 'error'], 2])
      await until('the end of the flood', async () => (await seen())[0]?.gone)
      equal((await seen()).length, 1)
    },
  },
]

const tooLong: Case = {
  name: 'an item that is too long closes it after what came before, also in the same chunk',
  async run(context) {
    const own = async (): Promise<Response> =>
      new Response(`data: a\n\n${'x'.repeat(5000)}`, { headers: { 'content-type': 'text/event-stream' } })
    const { told, until } = watch(context, NOWHERE, { fetch: own, maxBufferSize: 1000 })
    await until(1, 'error')
    equal(
      told.map(({ type, readyState }) => [type, readyState]),
      [
        ['open', 1],
        ['message', 1],
        ['error', 2],
      ],
    )
  },
}

/** Fails the connection: "set the readyState attribute to CLOSED and fire an event named error", and never again. */
function fails(what: string, step: Step): Case {
  return {
    name: `${what} closes it`,
    async run(context) {
      const { url, seen } = script(context, [{ last: 'end', ...step }])
      const { told, until } = watch(context, url)
      await until(1)
      await sleep(40)
      equal(
        told.map(({ type, readyState, event }) => [type, readyState, event instanceof MessageEvent]),
        [['error', 2, false]],
      )
      equal((await seen()).length, 1)
    },
  }
}

const requests: Case[] = [
  {
    name: 'it asks with GET, Accept and no cache, and no Last-Event-ID at first',
    async run(context) {
      const { url, requests } = script(context, [{}])
      watch(context, url)
      const [{ method, headers } = { method: '', headers: {} as Record<string, string> }] = await requests(1)
      equal([method, headers['accept'], headers['last-event-id']], ['GET', 'text/event-stream', undefined])
      if (['node', 'chromium'].includes(context.runtime)) equal(headers['cache-control'], 'no-cache')
    },
  },
  {
    name: 'the last event ID stays over reconnects, is UTF-8, and is not sent when it is empty',
    async run(context) {
      const { url, requests } = script(context, [
        { body: 'retry: 1\nid: …é😀\ndata: a\n\n', last: 'end' },
        { body: 'data: b\n\n', last: 'end' },
        { body: 'id: 2\n\n', last: 'cut' },
        { body: 'id\n\n', last: 'end' },
        { body: 'data: c\n\n' },
      ])
      const { told, until } = watch(context, url)
      await until(3, 'message')
      const sent = (await requests(5)).map(({ headers }) => headers['last-event-id'])
      equal(
        sent.map((id) => id && new TextDecoder().decode(Uint8Array.from(id, (byte) => byte.charCodeAt(0)))),
        [undefined, '…é😀', '…é😀', '2', undefined],
      )
      equal(
        told.filter(({ type }) => type === 'message').map(({ lastEventId }) => lastEventId),
        ['…é😀', '…é😀', ''],
      )
    },
  },
  {
    name: 'an ID that no header can carry does not keep it from coming back',
    async run(context) {
      const { url, requests } = script(context, [{ body: 'retry: 1\nid: a\u0001b\ndata: a\n\n', last: 'end' }, {}])
      watch(context, url)
      equal((await requests(2))[1]?.headers['last-event-id'], undefined)
    },
  },
  {
    name: 'its own headers go with every attempt, from a function anew, and one that fails is tried again',
    async run(context) {
      const { url, requests } = script(context, [{ body: 'retry: 1\n\n', last: 'end' }, { last: 'end' }, {}])
      let calls = 0
      watch(context, url, {
        headers: async () => {
          if (++calls === 2) throw new Error('no token')
          return { 'x-token': `${calls}`, accept: 'text/event-stream, text/plain' }
        },
      })
      equal(
        (await requests(3)).map(({ headers }) => [headers['x-token'], headers['accept']]),
        [1, 3, 4].map((call) => [`${call}`, 'text/event-stream, text/plain']),
      )
      const fixed = script(context, [{}])
      watch(context, fixed.url, { headers: { 'x-token': 'fixed' } })
      equal((await fixed.requests(1))[0]?.headers['x-token'], 'fixed')
    },
  },
  ...[301, 302, 303, 307, 308].map((status): Case => ({
    name: `follows ${status} at home with its headers, and to another origin without`,
    async run(context) {
      for (const where of ['same', 'other'] as const) {
        const first: Step = { body: 'retry: 1\nid: 7\ndata: a\n\n', last: 'end' }
        // Browsers don't say where a redirect leads: they walk the way first without the headers.
        const asks = context.runtime === 'chromium' && where === 'same' ? 4 : 2
        const there = script(context, [first, first, {}])
        const { url } = script(context, [{ status, redirect: [where, there.path] }])
        const headers = { 'x-key': 'secret', authorization: 'Bearer secret', ...(context.runtime !== 'chromium' && { cookie: 'secret=1' }) }
        const { source } = watch(context, url, { headers })
        const seen = await there.requests(asks)
        const { headers: got = {} } = seen.findLast(({ headers }) => headers['last-event-id']) ?? {}
        const secret = where === 'same' ? [headers['x-key'], headers.authorization, headers.cookie] : [undefined, undefined, undefined]
        equal(
          [got['x-key'], got['authorization'], got['cookie'], got['accept'], got['last-event-id']],
          [...secret, 'text/event-stream', '7'],
          where,
        )
        if (where === 'other')
          ok(
            seen.every(({ headers }) => !JSON.stringify(headers).includes('secret')),
            'no secret has gone there',
          )
        equal(source.url, url)
        source.close()
      }
    },
  })),
  {
    name: 'headers that a redirect took away stay away, also when it leads back home',
    only: notInBrowsers,
    async run(context) {
      const home = script(context, [{ body: 'data: a\n\n' }])
      const abroad = script(context, [{ status: 302, redirect: ['other', home.path] }], 'other')
      const { url } = script(context, [{ status: 302, redirect: ['other', abroad.path] }])
      await watch(context, url, { headers: { 'x-key': 'secret' } }).until(1, 'message')
      for (const { seen } of [abroad, home]) equal((await seen())[0]?.headers['x-key'], undefined)
    },
  },
  {
    name: 'more than 20 redirects end it',
    only: notInBrowsers,
    async run(context) {
      let hops = 0
      const endless = (async (url: string) => {
        hops++
        return new Response(null, { status: 302, headers: { location: `${url}a` } })
      }) as typeof fetch
      const looping = watch(context, `${context.url}/a`, { headers: { 'x-key': '1' }, fetch: endless })
      await looping.until(1)
      await sleep(20)
      equal([looping.told.map(({ type, readyState }) => [type, readyState]), hops], [[['error', 2]], 21])
    },
  },
  {
    name: 'from another origin it needs leave, and brings cookies only withCredentials',
    only: ['chromium'],
    async run(context) {
      const cookie = `c${Date.now()}`
      document.cookie = `${cookie}=1`
      const home = script(context, [{}])
      watch(context, home.url)
      ok((await home.requests(1))[0]?.headers['cookie']?.includes(cookie) === true, 'cookies at home')
      const other = script(context, [{ body: 'data: a\n\n' }], 'other')
      const [message] = await watch(context, other.url, { withCredentials: true }).until(1, 'message')
      equal(message?.origin, new URL(context.other).origin)
      const closed = watch(context, script(context, [{ noCors: true, body: 'data: a\n\n' }], 'other').url)
      const [error] = await closed.until(1)
      // The standard says CLOSED; fetch doesn't tell that from a network that failed.
      equal([error?.type, error?.readyState, closed.data()], ['error', 0, []])
    },
  },
]

const closing: Case[] = [
  {
    name: 'readyState goes from CONNECTING to OPEN to CLOSED',
    async run(context) {
      const { source, until } = watch(context, script(context, [{}]).url)
      equal(source.readyState, 0)
      await until(1, 'open')
      equal(source.readyState, 1)
      source.close()
      source.close()
      equal(source.readyState, 2)
    },
  },
  ...(
    [
      ['at once', [{}], (source) => source.close(), 0, []],
      [
        'while the answer is slow',
        [{ slow: true }],
        async (source, requests) => {
          await requests(1)
          source.close()
        },
        1,
        [],
      ],
      ['when it opens', [{ body: 'data: 1\n\n' }], (source) => (source.onopen = () => source.close()), 1, ['open']],
      [
        'in the middle of a chunk',
        [{ body: 'data: 1\n\ndata: 2\n\n' }],
        (source) => (source.onmessage = () => source.close()),
        1,
        ['open', 'message'],
      ],
      [
        'in silence',
        [{ body: 'data: 1\n\n' }],
        (source) => (source.onmessage = () => setTimeout(() => source.close(), 20)),
        1,
        ['open', 'message'],
      ],
      [
        'in an error handler',
        [{ body: 'retry: 1\n\n', last: 'end' }, {}],
        (source) => (source.onerror = () => source.close()),
        1,
        ['open', 'error'],
      ],
      [
        'while it waits to reconnect',
        [{ body: 'retry: 60\n\n', last: 'end' }, {}],
        (source) => (source.onerror = () => setTimeout(() => source.close(), 20)),
        1,
        ['open', 'error'],
      ],
    ] as [string, Step[], (source: EventSource, requests: Script['requests']) => unknown, number, string[]][]
  ).map(([when, steps, close, count, events]): Case => ({
    name: `closed ${when}, it is silent, and the connection gone`,
    async run(context) {
      const { url, seen, requests: asked } = script(context, steps)
      const { source, told } = watch(context, url)
      await close(source, asked)
      await until('CLOSED', () => source.readyState === 2 || undefined)
      // What is closed at once has asked for nothing.
      if (count > 0) await until('the end of the connection', async () => (await seen())[count - 1]?.gone)
      await sleep(100)
      equal(
        told.map(({ type }) => type),
        events,
      )
      const requests = await seen()
      equal(requests.length, count)
      for (const { gone } of requests) ok(gone !== undefined, 'the server has seen it go')
    },
  })),
  {
    name: 'closed while a fetch that heeds no signal is on its way, it lets go of the answer',
    async run(context) {
      let cancelled = false
      let answer: (response: Response) => void = () => {}
      const { source, told } = watch(context, NOWHERE, {
        fetch: () => new Promise<Response>((resolve) => (answer = resolve)),
      })
      await sleep(20)
      source.close()
      answer(
        new Response(new ReadableStream({ cancel: () => void (cancelled = true) }), { headers: { 'content-type': 'text/event-stream' } }),
      )
      await until('the end of the body', () => cancelled || undefined)
      equal(told, [])
    },
  },
]

const resuming = (seed: number, to = 40): Case => ({
  name: `every number once, in order, over connections cut at random (${seed})`,
  run: (context) => readNumbers(context, seed, to).then(() => undefined),
})

/** How many connections it took. */
export async function readNumbers(context: Context, seed: number, to: number): Promise<number> {
  const { url, seen } = numbers(context, to, seed, true)
  const { source, data } = watch(context, url)
  await until(
    'CLOSED',
    () => source.readyState === 2 || undefined,
    () => String(data()),
    60_000,
  )
  equal(
    data(),
    Array.from({ length: to }, (_, index) => `${index + 1} é😀`),
  )
  return (await seen()).length
}

export const eventSourceCases: readonly Case[] = [
  ...shape,
  ...reading,
  tooLong,
  ...answers,
  ...requests,
  ...closing,
  ...[1, 2, 3].map((seed) => resuming(seed)),
].map((one) => ({ ...one, name: `EventSource: ${one.name}` }))
