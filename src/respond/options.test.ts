import { describe, expect, test } from 'vitest'
import { sse, SseError } from '../index.js'
import { sendSse } from '../node.js'
import { faces } from '../../test/helpers/faces.js'

const anyOf = (value: unknown): any => value

const WRONG: [string, object, RegExp][] = [
  ['event: 5', { event: 5 }, /`event` must be .*string.*: 5/],
  ['event: {}', { event: {} }, /`event`/],
  ['retry: "5"', { retry: '5' }, /`retry` must be .*number.*: "5"/],
  ['keepAlive: "5"', { keepAlive: '5' }, /`keepAlive` must be .*number.*: "5"/],
  ['keepAlive: true', { keepAlive: true }, /`keepAlive`/],
  ['keepAlive: -1', { keepAlive: -1 }, /`keepAlive` must be .*: -1/],
  ['keepAlive: NaN', { keepAlive: Number.NaN }, /`keepAlive` must be .*: NaN/],
  ['keepAlive: Infinity', { keepAlive: Infinity }, /`keepAlive` must be .*: Infinity/],
  ['keepAlive: 2 ** 31, which setTimeout takes for 1', { keepAlive: 2 ** 31 }, /`keepAlive` must be .*: 2147483648/],
  ['headers: "a"', { headers: 'a' }, /`headers`/],
  ['signal: true', { signal: true }, /`signal`/],
  ['signal: an AbortController', { signal: new AbortController() }, /`signal`/],
  ['serialize: "json"', { serialize: 'json' }, /`serialize` must be .*function.*: "json"/],
  ['serialize: JSON', { serialize: JSON }, /`serialize`/],
  ['reconnect: 0', { reconnect: 0 }, /`reconnect` must be .*boolean.*: 0/],
  ['reconnect: "no"', { reconnect: 'no' }, /`reconnect`/],
  ['onError: true', { onError: true }, /`onError`/],
  ['open: 1', { open: 1 }, /`open`/],
  ['open: "first"', { open: 'first' }, /`open` must be .*at-once.*first-item.*: "first"/],
  ['cors: true', { cors: true }, /`cors`/],
  ['cors: "*"', { cors: '*' }, /`cors`/],
  ['cors without an origin', { cors: {} }, /`cors\.origin`/],
  ['cors.origin: true', { cors: { origin: true } }, /`cors\.origin` must be/],
  ['cors.origin: a RegExp', { cors: { origin: /shop/ } }, /`cors\.origin`/],
  ['cors.origin: a list with something else', { cors: { origin: ['https://a.example', 5] } }, /`cors\.origin`/],
  ["cors.origin: '*' with credentials", { cors: { origin: '*', credentials: true } }, /`cors\.origin` .*credentials/],
  [
    "cors.origin: a list with '*' and credentials",
    { cors: { origin: ['https://a.example', '*'], credentials: true } },
    /`cors\.origin` .*credentials/,
  ],
]

const HOSTILE: [string, object, RegExp][] = [
  ['event: "a\\nb"', { event: 'a\ndata: b' }, /`event`/],
  ['event: "a\\rb"', { event: 'a\rdata: b' }, /`event`/],
  ['retry: -1', { retry: -1 }, /`retry`/],
  ['retry: 1.5', { retry: 1.5 }, /`retry`/],
  ['retry: NaN', { retry: Number.NaN }, /`retry`/],
]

const NO_SOURCE: [string, unknown][] = [
  ['a string', 'hello'],
  ['a promise', Promise.resolve(['a'])],
  ['a Response', new Response('a')],
  ['undefined', undefined],
  ['null', null],
  ['a number', 5],
  ['an item', { event: 'a', data: 'b' }],
]

describe.each(faces)('$name', ({ ask }) => {
  test.each(WRONG)(
    'refuses %s with a TypeError that names the option; nothing is sent, and no source called',
    async (_, options, message) => {
      let isCalled = false
      const answer = await ask(() => {
        isCalled = true
        return []
      }, options)
      expect([answer.status, isCalled]).toEqual([500, false])
      expect(answer.refusal()).toBeInstanceOf(TypeError)
      expect(answer.refusal()).toHaveProperty('message', expect.stringMatching(message))
    },
  )

  test.each(HOSTILE)('refuses %s with an SseError that names the option', async (_, options, message) => {
    const answer = await ask(['a'], options)
    expect(answer.status).toBe(500)
    expect(answer.refusal()).toBeInstanceOf(SseError)
    expect(answer.refusal()).toMatchObject({ code: 'SSE_INVALID_FIELD', message: expect.stringMatching(message) })
  })

  test.each(NO_SOURCE)('refuses %s for a source, and says what is one', async (_, source) => {
    const answer = await ask(source)
    expect(answer.status).toBe(500)
    expect(answer.refusal()).toBeInstanceOf(TypeError)
    expect(String(answer.refusal())).toMatch(/`items` must be .*iterable.*ReadableStream.*string.*promise/)
  })

  test('bytes for a source fail at the first of them, with the remedy', async () => {
    const errors: unknown[] = []
    const answer = await ask(new Response('data: a\n\n').body, { onError: (error: unknown) => errors.push(error) })
    expect(await answer.text()).toBe(':\n\n')
    expect(errors).toEqual([expect.objectContaining({ code: 'SSE_INVALID_DATA', message: expect.stringContaining('parseEventStream()') })])
  })

  test.each([0, 1, 15_000, 2 ** 31 - 1])('keepAlive: %d is right', async (keepAlive) => {
    expect((await ask(['a'], { keepAlive })).status).toBe(200)
  })
})

describe('sse()', () => {
  test.each<[string, unknown, object | undefined]>([
    ['a function', () => ['a'], undefined],
    ['a function', () => ['a'], {}],
    ['reconnect: false', ['a'], { reconnect: false }],
    ['cors', ['a'], { cors: { origin: '*' } }],
  ])('refuses %s without the request, at once', (_, source, options) => {
    expect(() => sse(anyOf(source), anyOf(options))).toThrow(TypeError)
    expect(() => sse(anyOf(source), anyOf(options))).toThrow(/`request`/)
  })

  test('throws for items at once, and for a function too', () => {
    expect(() => sse(anyOf('hello'))).toThrow(TypeError)
    expect(() => sse(() => ['a'], anyOf({ request: new Request('http://a'), keepAlive: -1 }))).toThrow(TypeError)
  })

  test('refuses a ReadableStream that somebody else reads', () => {
    const stream = new ReadableStream<string>()
    stream.getReader()
    expect(() => sse(stream)).toThrow(/lock/i)
  })
})

test('sendSse() never throws: a wrong call is a rejection too', async () => {
  await expect(sendSse(anyOf({}), anyOf({}), ['a'], anyOf({ keepAlive: -1 }))).rejects.toThrow(/`keepAlive`/)
})
