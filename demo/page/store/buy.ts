import type { Purchase } from '../../server/store/events.js'
import { ShopError, ask, isShopError } from './api.js'
import type { Session } from './session.js'
import type { Shelf } from './shelf.js'
import { showCustomer } from './shell.js'
import { toast } from './toast.js'

const PAUSES = [500, 1_500]

/** The keys of purchases of which it isn't known whether they were made: the next try must be the same one. */
const open = new Map<string, string>()

/**
 * Buys one piece. The shelf shows it at once, and shows it back when it didn't happen; the shopper is told in either case.
 *
 * An answer that got lost may be a purchase that was made, so it is asked for again with the same key, which buys nothing twice.
 */
export async function buyOne(shelf: Shelf, session: Session, sku: string): Promise<Purchase | undefined> {
  const name = shelf.wares.get(sku)?.name ?? sku
  const hold = shelf.hold(sku, 1)
  try {
    const purchase = await order(session, sku, shelf.wares.get(sku)?.price)
    hold.keep(purchase)
    const words = `Order ${purchase.number} placed: ${name}`
    if (!session.customer) toast('good', words, { text: 'Sign in to track the next one', href: '/store/orders' })
    else toast('good', words, { text: 'Track it', href: '/store/orders' })
    return purchase
  } catch (reason) {
    const error = isShopError(reason) ? reason : new ShopError(0, 'UNKNOWN', 'Something went wrong on this page')
    const { stock, version, price, was, at } = error.body
    if (typeof price === 'number') shelf.setPrice({ sku, price, was: typeof was === 'number' ? was : null, at: Number(at) })
    hold.putBack(typeof stock === 'number' && typeof version === 'number' ? { stock, version } : undefined)
    if (error.passes)
      toast('bad', `${name} could not be ordered: ${error.message.replace(/^./, (first) => first.toLowerCase())}. Please try again`)
    else if (error.code === 'SIGN_IN_FIRST') {
      await session.load().catch(() => {})
      showCustomer(session.customer)
      toast('bad', error.message, { text: 'Sign in again', href: '/store/orders' })
    } else toast('bad', error.message)
    return undefined
  }
}

/** @param price what the shopper has seen: at more it isn't bought */
async function order(session: Session, sku: string, price: number | undefined): Promise<Purchase> {
  const key = open.get(sku) ?? crypto.randomUUID()
  open.set(sku, key)
  let renewed = false
  for (let tries = 0; ;) {
    try {
      const body = { sku, quantity: 1, price, key }
      const purchase = await ask<Purchase>('/store/purchases', { method: 'POST', body, csrf: session.csrf, patience: 10_000 })
      open.delete(sku)
      return purchase
    } catch (reason) {
      const error = reason as ShopError
      // Signed in or out in another window, or since the server began anew.
      if (error.code === 'CSRF' && !renewed) {
        renewed = true
        await session.load()
        continue
      }
      const pause = PAUSES[tries++]
      if (!error.passes) open.delete(sku)
      if (!error.passes || pause === undefined) throw error
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
}
