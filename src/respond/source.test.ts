import { describe, expect, test } from 'vitest'
import { defineEvents, SseItem, unchecked, type SourceContext } from '../index.js'
import { faces, type Asked } from '../../test/helpers/faces.js'
import { asBytes, sleep } from '../../test/helpers/servers.js'

const events = defineEvents({ price: unchecked<{ eur: number }>(), note: unchecked<string>() })
const CLOSED = 'id: server-sent:end\n\n'

function streamOf(...items: unknown[]): ReadableStream {
  return new ReadableStream({
    start(controller) {
      for (const item of items) controller.enqueue(item)
      controller.close()
    },
  })
}

describe.each(faces)('$name', ({ ask }) => {
  /** All that a source makes, after the comment that comes first. */
  async function sent(source: unknown, options?: object, request?: Asked): Promise<string> {
    const text = await (await ask(source, options, request)).text()
    expect(text.slice(0, 3)).toBe(':\n\n')
    return text.slice(3)
  }

  test.each<[string, () => unknown, string]>([
    ['a string as it is', () => ['Heart Rate: 75 bpm'], 'data: Heart Rate: 75 bpm\n\n'],
    ['a string of three lines as three', () => ['a\nb\rc'], 'data: a\ndata: b\ndata: c\n\n'],
    ['an empty string', () => [''], 'data: \n\n'],
    ['an object as JSON', () => [{ rate: 75, at: new Date(0) }], 'data: {"rate":75,"at":"1970-01-01T00:00:00.000Z"}\n\n'],
    ['null, numbers and booleans as JSON', () => [null, 1.5, false], 'data: null\n\ndata: 1.5\n\ndata: false\n\n'],
    ['an array that is an item as JSON', () => [[1, 2]], 'data: [1,2]\n\n'],
    ['a String object as JSON', () => [Object('a')], 'data: "a"\n\n'],
    [
      'an SseItem with its fields',
      () => [new SseItem(75, { event: 'heartRate', id: 7, retry: 60_000, comment: 'c' })],
      ': c\nevent: heartRate\ndata: 75\nid: 7\nretry: 60000\n\n',
    ],
    ['an SseItem that is no more than an id', () => [new SseItem(undefined, { id: '5' })], 'id: 5\n\n'],
    [
      'typed items as JSON, strings too',
      () => [events.item('price', { eur: 1 }, { id: 1 }), events.item('note', 'a\nb')],
      'event: price\ndata: {"eur":1}\nid: 1\n\nevent: note\ndata: "a\\nb"\n\n',
    ],
    ['text beyond ASCII', () => ['é日😀'], 'data: é日😀\n\n'],
    ['all kinds mixed', () => ['a', 1, new SseItem('b', { event: 'e' })], 'data: a\n\ndata: 1\n\nevent: e\ndata: b\n\n'],
    ['nothing', () => [], ''],
  ])('sends %s', async (_, source, text) => {
    expect(await sent(source())).toBe(text)
  })

  test.each<[string, () => unknown]>([
    [
      'an async generator',
      async function* () {
        yield 'a'
        await sleep(1)
        yield 'b'
      },
    ],
    [
      'a sync generator',
      function* () {
        yield 'a'
        yield 'b'
      },
    ],
    ['an array', () => ['a', 'b']],
    ['a Set', () => new Set(['a', 'b'])],
    ['an array of promises', () => [sleep(5).then(() => 'a'), Promise.resolve('b')]],
    ['a ReadableStream', () => streamOf('a', 'b')],
    ['an async iterable of its own kind', () => ({ [Symbol.asyncIterator]: () => ['a', 'b'][Symbol.iterator]() })],
  ])('streams %s, and what a function gives that gives it, now or later', async (_, source) => {
    const expected = 'data: a\n\ndata: b\n\n'
    expect(await sent(source())).toBe(expected)
    expect(await sent(() => source())).toBe(expected)
    expect(await sent(async () => sleep(1).then(source))).toBe(expected)
  })

  test('streams what an async generator function yields, given the context', async () => {
    async function* ticks({ lastEventId }: SourceContext<unknown>): AsyncGenerator<string> {
      yield `after ${lastEventId}`
    }
    expect(await sent(ticks, {}, { headers: { 'last-event-id': '5' } })).toBe('data: after 5\n\n')
  })

  test('gives a function the request and a signal that aborts when the stream is over', async () => {
    let seen: SourceContext<any> | undefined
    const answer = await ask(
      async (context: SourceContext<any>) => {
        seen = context
        expect(context.signal.aborted).toBe(false)
        return ['a']
      },
      {},
      { path: '/x?y=z' },
    )
    await answer.text()
    expect(seen?.request.url).toMatch(/\/x\?y=z$/)
    expect(seen?.signal.aborted).toBe(true)
  })

  test.each<[string, Asked, string]>([
    ['of the header', { headers: { 'last-event-id': '5-1' } }, '5-1'],
    ['of the header in UTF-8, as browsers send it', { headers: { 'last-event-id': asBytes('é😀') } }, 'é😀'],
    ['of the query', { path: '/x?a=b&lastEventId=5%201' }, '5 1'],
    ['of the query in UTF-8', { path: `/?lastEventId=${encodeURIComponent('é😀')}` }, 'é😀'],
    ['of the header rather than of the query', { path: '/?lastEventId=2', headers: { 'last-event-id': '1' } }, '1'],
    ['that nobody sent, which is empty', {}, ''],
    ['that is absurdly long, which is a fresh start', { path: `/?lastEventId=${'x'.repeat(5000)}` }, ''],
    ['with NUL, which is a fresh start', { path: '/?lastEventId=a%00b' }, ''],
    ['with a line end, which is a fresh start', { path: '/?lastEventId=a%0Ab' }, ''],
    ['of broken escapes, as far as it can be read', { path: '/?lastEventId=%E0%A4%A' }, '\uFFFD%A'],
  ])('gives a function the last event ID %s', async (_, request, id) => {
    const answer = await ask(({ lastEventId }: SourceContext<unknown>) => [JSON.stringify(lastEventId)], {}, request)
    expect(answer.status).toBe(200)
    expect(await answer.text()).toBe(`:\n\ndata: ${JSON.stringify(id)}\n\n`)
  })

  test.each<[string, () => unknown, object, string]>([
    [
      'event names the items that have no name',
      () => ['a', new SseItem('b'), new SseItem('c', { event: 'own' })],
      { event: 'tick' },
      'event: tick\ndata: a\n\nevent: tick\ndata: b\n\nevent: own\ndata: c\n\n',
    ],
    [
      'event leaves alone what has no data, and who is named message on purpose',
      () => [new SseItem(undefined, { id: 1 }), new SseItem('a', { event: 'message' })],
      { event: 'tick' },
      'id: 1\n\nevent: message\ndata: a\n\n',
    ],
    ['serialize writes what JSON can not', () => [{ n: 10n, at: new Date(0) }], { serialize }, 'data: {"n":"10","at":"1970"}\n\n'],
    ['serialize is not asked for strings', () => ['a'], { serialize: () => 'no' }, 'data: a\n\n'],
    [
      'serialize is asked for the strings of typed items',
      () => [events.item('note', 'a')],
      { serialize: () => 'yes' },
      'event: note\ndata: yes\n\n',
    ],
    ['serialize may write lines', () => [1], { serialize: () => 'a\r\nb' }, 'data: a\ndata: b\n\n'],
    ['reconnect: false says good-bye', () => ['a'], { reconnect: false }, `data: a\n\n${CLOSED}`],
    [
      'options may all be undefined',
      () => ['a'],
      {
        event: undefined,
        retry: undefined,
        keepAlive: undefined,
        headers: undefined,
        signal: undefined,
        serialize: undefined,
        reconnect: undefined,
        onError: undefined,
        cors: undefined,
        open: undefined,
      },
      'data: a\n\n',
    ],
  ])('%s', async (_, source, options, text) => {
    expect(await sent(source(), options)).toBe(text)
  })

  function serialize(data: unknown): string {
    return JSON.stringify(data, function (this: Record<string, unknown>, key, value: unknown) {
      const raw = this[key]
      if (raw instanceof Date) return String(raw.getUTCFullYear())
      return typeof raw === 'bigint' ? String(raw) : value
    })
  }

  test('pulls items one at a time: none before the last was taken', async () => {
    let pulls = 0
    let waiting = 0
    const source = {
      [Symbol.asyncIterator]: () => ({
        async next() {
          expect(waiting++).toBe(0)
          await sleep(1)
          waiting--
          return pulls++ < 20 ? { done: false, value: 'x' } : { done: true, value: undefined }
        },
      }),
    }
    expect(await sent(source)).toBe('data: x\n\n'.repeat(20))
    expect(pulls).toBe(21)
  })

  test('does not return what has ended by itself', async () => {
    let returned = 0
    const iterator = { next: async () => ({ done: true, value: undefined }), return: async () => void returned++ }
    await sent({ [Symbol.asyncIterator]: () => iterator })
    await sleep(5)
    expect(returned).toBe(0)
  })
})
