import { describe, expect, test } from 'vitest'
import { ADA } from './shopper.js'
import { useStand } from './stores.js'

describe('parameters that may be given once', () => {
  const stand = useStand({})

  // To take one of two would be to send less, or other things, than what was asked for.
  test.each([
    ['/store/events?category=audio&category=garden', 'GIVEN_TWICE', '`category`'],
    ['/store/events?category=audio&category=audio', 'GIVEN_TWICE', '`category`'],
    ['/store/events?sale=1&sale=1', 'GIVEN_TWICE', '`sale`'],
    ['/store/events?sale=1&sale=0', 'GIVEN_TWICE', '`sale`'],
    ['/store/events?sale=yes', 'INVALID_SALE', '"yes"'],
    ['/store/events?sale=', 'INVALID_SALE', '""'],
    ['/store/products?category=audio&category=garden', 'GIVEN_TWICE', '`category`'],
    ['/store/products?q=lamp&q=desk', 'GIVEN_TWICE', '`q`'],
    ['/store/orders/events?order=1001&order=1002', 'GIVEN_TWICE', '`order`'],
  ])('GET %s: 400 %s, and the answer names %s', async (path, code, named) => {
    const shopper = stand().shopper()
    if (path.startsWith('/store/orders')) await shopper.signIn(ADA)
    const answer = await shopper.get(path)
    expect(answer).toMatchObject({ status: 400, body: { code } })
    expect(answer.body.message).toContain(named)
  })
})
