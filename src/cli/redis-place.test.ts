import { describe, expect, test } from 'vitest'
import { UsageError } from './args.js'
import { redisPlaceOf } from './redis.js'

describe('--engine redis://', () => {
  test.each([
    ['redis://host', { url: 'redis://host', hub: undefined }],
    ['redis://ann:secret@host:6380/2?hub=shop', { url: 'redis://ann:secret@host:6380/2', hub: 'shop' }],
  ])('%s names a server and a hub', (text, place) => expect(redisPlaceOf(text)).toEqual(place))

  // Each of them would be another hub than was meant.
  test.each([
    ['redis://ann:geheim@host?hubs=shop', '?hub=NAME is all that may follow, not ?hubs='],
    ['redis://ann:geheim@host?hub=shop&db=2', '?hub=NAME is all that may follow, not ?db='],
    ['redis://ann:geheim@host?hub=shop&hub=other', '?hub= may be said once'],
    ['redis://ann:geheim@host?hub=shop#other', 'a # and what follows it name nothing'],
  ])('%s is refused', (text, words) => {
    expect(() => redisPlaceOf(text)).toThrow(UsageError)
    expect(() => redisPlaceOf(text)).toThrow(words)
    expect(() => redisPlaceOf(text)).not.toThrow('geheim')
  })
})
