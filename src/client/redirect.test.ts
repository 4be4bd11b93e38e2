import { expect, test } from 'vitest'
import { isFetchable, isSameOrigin, redirectOf } from './redirect.js'

const from = 'https://a.example/x/y?q#f'

test.each([
  ['301', 'GET', 301, '/z', 'https://a.example/z', 'GET'],
  ['302', 'GET', 302, 'z', 'https://a.example/x/z', 'GET'],
  ['303', 'GET', 303, 'https://b.example', 'https://b.example/', 'GET'],
  ['307', 'GET', 307, '?p', 'https://a.example/x/y?p', 'GET'],
  ['308', 'GET', 308, '//c.example/é', 'https://c.example/%C3%A9', 'GET'],
  ['301 of POST becomes GET', 'POST', 301, '/z', 'https://a.example/z', 'GET'],
  ['302 of POST becomes GET', 'POST', 302, '/z', 'https://a.example/z', 'GET'],
  ['303 of anything becomes GET', 'PUT', 303, '/z', 'https://a.example/z', 'GET'],
  ['303 of HEAD stays', 'HEAD', 303, '/z', 'https://a.example/z', 'HEAD'],
  ['302 of PUT stays', 'PUT', 302, '/z', 'https://a.example/z', 'PUT'],
  ['307 of POST stays', 'POST', 307, '/z', 'https://a.example/z', 'POST'],
  ['308 of POST stays', 'POST', 308, '/z', 'https://a.example/z', 'POST'],
])('%s', (_, method, status, location, url, next) => {
  expect(redirectOf({ url: from, method }, status, location)).toEqual({ url, method: next })
})

test.each([
  ['no redirect', 200, '/z'],
  ['300 and 304', 304, '/z'],
  ['no Location', 302, null],
  ['a Location that is no URL', 302, 'http://a b/'],
  ['another scheme', 302, 'ftp://a.example/'],
  ['a script', 302, 'javascript:alert(1)'],
  ['data', 302, 'data:text/event-stream,data:a'],
])('%s is not followed', (_, status, location) => {
  expect(redirectOf({ url: from, method: 'GET' }, status, location)).toBeUndefined()
})

test.each([
  ['https://a.example/x', 'https://a.example:443/y', true],
  ['https://a.example/', 'http://a.example/', false],
  ['https://a.example/', 'https://a.example:444/', false],
  ['https://a.example/', 'https://b.a.example/', false],
  ['https://a.example/', 'https://A.EXAMPLE/', true],
])('%s and %s: same origin %s', (url, other, same) => expect(isSameOrigin(url, other)).toBe(same))

test.each([
  ['http://a.example/', true],
  ['https://a.example:8080/x@y?z@#@', true],
  ['http://user@a.example/', false],
  ['http://:secret@a.example/', false],
  ['http://user:secret@a.example/x', false],
  ['ftp://a.example/', false],
  ['httpx://a.example/', false],
  ['about:blank', false],
  ['data:text/event-stream,a', false],
])('%s can be fetched: %s', (url, fetchable) => expect(isFetchable(new URL(url))).toBe(fetchable))
