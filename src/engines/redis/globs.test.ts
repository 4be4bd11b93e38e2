import { expect, test } from 'vitest'
import { pattern } from '../../protocol/topic.js'
import { channelOf, luaOf } from './globs.js'

test.each([
  ['**', ''],
  ['*', '^[^/]+$'],
  ['a/*', '^a%/[^/]+$'],
  ['a.b/**', '^a%.b%/.+$'],
  ['$-+/*/x', '^%$%-%+%/[^/]+%/x$'],
])('%s is %s in Lua', (text, lua) => {
  expect(luaOf(pattern(text)).replaceAll('%/', '/')).toBe(lua.replaceAll('%/', '/'))
})

test.each([
  ['a/*', { kind: 'pattern', name: 'a/*' }],
  ['a/**', { kind: 'pattern', name: 'a/*' }],
  ['**', { kind: 'pattern', name: '*' }],
])('%s is a glob that matches as much or more', (text, channel) => {
  expect(channelOf(pattern(text))).toEqual(channel)
})

test('a name is a channel', () => {
  expect(channelOf('a/b')).toEqual({ kind: 'channel', name: 'a/b' })
})
