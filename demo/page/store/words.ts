import type { OrderStatus } from '../../server/store/events.js'

const euros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' })

/** Cents as a price: `€24.00`. */
export function money(cents: number): string {
  return euros.format(cents / 100)
}

/** What a shopper wants to know of a stock. */
export function stockWords(stock: number): string {
  if (stock <= 0) return 'Sold out'
  return stock < 10 ? `${stock} left in stock` : `${stock} in stock`
}

export function stockLevel(stock: number): 'none' | 'few' | 'many' {
  if (stock <= 0) return 'none'
  return stock < 10 ? 'few' : 'many'
}

export function percentOff(price: number, was: number): string {
  return `−${Math.round(100 - (100 * price) / was)} %`
}

export function count(number: number, one: string, more = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : more}`
}

export const STATUS_WORDS: Record<OrderStatus, string> = {
  placed: 'Placed',
  paid: 'Paid',
  packed: 'Packed',
  'out-for-delivery': 'Out for delivery',
  delivered: 'Delivered',
}
