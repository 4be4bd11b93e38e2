import { expect, test } from 'vitest'
import { retryAfter } from './retry-after.js'

const now = Date.UTC(1994, 10, 6, 8, 49, 37)

test.each([
  ['seconds', '120', undefined, 120_000],
  ['no seconds', '0', undefined, 0],
  ['spaces around', ' 5 ', undefined, 5000],
  ['an IMF-fixdate', 'Sun, 06 Nov 1994 08:50:07 GMT', undefined, 30_000],
  ['an RFC 850 date', 'Sunday, 06-Nov-94 08:50:07 GMT', undefined, 30_000],
  ['an asctime date, which is GMT, too', 'Sun Nov  6 08:50:07 1994', undefined, 30_000],
  ['a date that has passed', 'Sun, 06 Nov 1994 08:00:00 GMT', undefined, 0],
  ['a date by the clock of the server', 'Mon, 07 Nov 1994 08:50:07 GMT', 'Mon, 07 Nov 1994 08:49:57 GMT', 10_000],
  ['a clock that makes no sense', 'Sun, 06 Nov 1994 08:50:07 GMT', 'now', 30_000],
  ['nothing', null, undefined, undefined],
  ['an empty value', '', undefined, undefined],
  ['a negative number', '-1', undefined, undefined],
  ['a fraction', '1.5', undefined, undefined],
  ['text', 'soon', undefined, undefined],
  ['a date of another form', '1994-11-06T08:50:07Z', undefined, undefined],
  ['a day that is none', 'Sun, 99 Foo 1994', undefined, undefined],
])('%s', (_, value, date, wait) => {
  const headers = new Headers({ ...(value !== null && { 'retry-after': value }), ...(date && { date }) })
  expect(retryAfter(headers, now)).toBe(wait)
})
