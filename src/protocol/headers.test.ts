import { describe, expect, test } from 'vitest'
import { acceptsEventStream, isEventStream, lastEventIdOf } from './headers.js'

test.each<[string | null | undefined, boolean]>([
  ['text/event-stream', true],
  ['TEXT/Event-Stream', true],
  ['text/event-stream; charset=utf-8', true],
  [' text/event-stream ;charset=UTF-8;x=y', true],
  ['text/event-stream;', true],
  ['text/event-streams', false],
  ['text/event', false],
  ['application/json', false],
  ['text/html; x=text/event-stream', false],
  ['', false],
  [null, false],
  [undefined, false],
])('the Content-Type %j names an event stream: %s', (type, is) => {
  expect(isEventStream(type)).toBe(is)
})

test.each<[string | null | undefined, boolean]>([
  [undefined, true],
  [null, true],
  ['', true],
  ['*/*', true],
  ['text/event-stream', true],
  ['Text/Event-Stream', true],
  ['text/*', true],
  ['text/html, */*;q=0.1', true],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8', true],
  ['text/event-stream;q=0.1', true],
  ['text/event-stream;q=0.001', true],
  ['text/event-stream; charset=utf-8', true],
  ['application/json, text/event-stream', true],
  ['application/json', false],
  ['text/html', false],
  ['image/*', false],
  ['text/event-stream;q=0', false],
  ['text/event-stream; Q=0.000', false],
  ['*/*, text/event-stream;q=0', false],
  ['text/event-stream;q=0, */*', false],
  ['text/*;q=0, */*', true],
  ['text/*;q=0, text/event-stream', true],
  ['*/*;q=0', true],
  ['*/*;q=0, text/event-stream', true],
])('Accept: %j lets an event stream through: %s', (accept, is) => {
  expect(acceptsEventStream(accept)).toBe(is)
})

/** A header as servers show it: a character for each byte. */
const onTheWire = (text: string) => Buffer.from(text, 'utf8').toString('latin1')

describe('the last event ID', () => {
  test.each<[string, string | null | undefined, string, string]>([
    ['is in the header', '5-1', '/', '5-1'],
    ['is in the query', null, '/?lastEventId=5-1', '5-1'],
    ['is in the query of a whole URL', undefined, 'https://a.example/x?a=b&lastEventId=5%201#c', '5 1'],
    ['is in a query that has another question mark', null, '/?q=what?&lastEventId=1?2', '1?2'],
    ['is that of the header, should both have one', '1', '/?lastEventId=2', '1'],
    ['is that of the query, should the header be empty', '', '/?lastEventId=2', '2'],
    ['is empty when there is none', null, '/x', ''],
    ['is empty when the query has another', null, '/?last=1', ''],
    ['is the first of two in the query', null, '/?lastEventId=1&lastEventId=2', '1'],
    ['is UTF-8 in the header', onTheWire('é日😀'), '/', 'é日😀'],
    ['is UTF-8 in the query', null, `/?lastEventId=${encodeURIComponent('é日😀')}`, 'é日😀'],
    ['has U+FFFD for invalid UTF-8', '\xff1', '/', '\uFFFD1'],
    ['may be long', 'x'.repeat(4096), '/', 'x'.repeat(4096)],
    ['that is far too long is none', 'x'.repeat(4097), '/', ''],
    ['with NUL is none', null, '/?lastEventId=a%00', ''],
    ['with LF is none', null, '/?lastEventId=a%0Ab', ''],
    ['with CR is none', null, '/?lastEventId=a%0Db', ''],
    ['of a query that is no query is empty', null, '/?%', ''],
    ['of broken escapes is what it can be', null, '/?lastEventId=%E0%A4%A', '\uFFFD%A'],
  ])('%s', (_, header, url, id) => {
    expect(lastEventIdOf(header, url)).toBe(id)
  })
})
