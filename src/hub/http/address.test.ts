import { expect, test } from 'vitest'
import { addressOf, keyOfAddress } from './address.js'

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['203.0.113.7:4711', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['::1', '0:0:0:0::/64'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
  ['[2001:db8:1:2::9]:4711', '2001:db8:1:2::/64'],
  ['2001:db8::', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['1:2::', '1:2:0:0::/64'],
  ['unknown', 'unknown'],
  ['x'.repeat(1000), 'x'.repeat(64)],
  ['', ''],
])('%j is counted as %j', (address, key) => {
  expect(keyOfAddress(address)).toBe(key)
})

test.each([
  ['the connection, whatever the header says', '203.0.113.7', false, '10.0.0.1'],
  ['the last of the header behind a proxy', '198.51.100.1, 203.0.113.7', true, '203.0.113.7'],
  ['the connection where a proxy sends none', undefined, true, '10.0.0.1'],
])('%s', (_, forwarded, trustProxy, expected) => {
  const headers = new Headers(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded })
  expect(addressOf(headers, '10.0.0.1', trustProxy)).toBe(expected)
  expect(addressOf(new Headers(), undefined, trustProxy)).toBeUndefined()
})
