import { expect, test } from 'vitest'
import { UsageError } from './args.js'
import { redisPlaceOf } from './redis.js'

test.each(['redis://ann:geheim%@host', 'redis://ge%heim:x@host', 'redis://:geheim%zz@host'])(
  'a lone percent sign is refused, with what to write instead: %s',
  (text) => {
    expect(() => redisPlaceOf(text)).toThrow(UsageError)
    expect(() => redisPlaceOf(text)).toThrow('%25')
    expect(() => redisPlaceOf(text)).not.toThrow('heim')
  },
)

test('all else that a password may hold is kept', () => {
  const password = 'p@ss:w/rd#?% é'
  const { url } = redisPlaceOf(`redis://:${encodeURIComponent(password)}@host`)
  expect(decodeURIComponent(new URL(url).password)).toBe(password)
})
