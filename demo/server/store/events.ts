import { defineEvents, unchecked } from 'server-sent'

/** Prices are whole cents, times are milliseconds since 1970 by the server's clock. */
export interface Product {
  readonly sku: string
  readonly name: string
  /** The category's slug. */
  readonly category: string
  readonly price: number
  /** What it costs outside of a sale; null when that is the price. */
  readonly was: number | null
  readonly stock: number
  /** Counts the changes of `stock`: who has seen a higher one knows better. */
  readonly version: number
  /** What its picture is drawn from. */
  readonly art: { readonly hue: number; readonly shape: number }
  readonly blurb: string
}

export interface Category {
  readonly name: string
  readonly slug: string
  /** Products in it that match the search. */
  readonly count: number
}

export const STATUSES = ['placed', 'paid', 'packed', 'out-for-delivery', 'delivered'] as const

export type OrderStatus = (typeof STATUSES)[number]

export interface Order {
  readonly id: number
  /** For people: `S-1042`. */
  readonly number: string
  readonly items: readonly {
    readonly sku: string
    readonly name: string
    readonly quantity: number
    readonly price: number
  }[]
  readonly total: number
  readonly placedAt: number
  /** What has been, the newest last. */
  readonly steps: readonly { readonly status: OrderStatus; readonly at: number }[]
}

export interface Purchase {
  /** The order's id. */
  readonly order: number
  readonly number: string
  readonly sku: string
  readonly quantity: number
  /** What is left, and which change of it that is. */
  readonly stock: number
  readonly version: number
}

export interface Stock {
  readonly sku: string
  readonly stock: number
  readonly version: number
  readonly at: number
}

export interface Price {
  readonly sku: string
  readonly price: number
  readonly was: number | null
  readonly at: number
}

export interface Sale {
  /** Counts the sales; 0 before the first. */
  readonly id: number
  readonly sku: string
  readonly state: 'idle' | 'announced' | 'running' | 'ended'
  /** 0 before the first sale. */
  readonly startsAt: number
  readonly endsAt: number
  readonly total: number
  readonly left: number
  readonly sold: number
  /** Streams that have the sale's events. */
  readonly watchers: number
}

export interface Notice {
  readonly id: number
  readonly level: 'info' | 'success' | 'warning'
  readonly text: string
  readonly at: number
}

/** An order, with its newest step beside it. */
export type OrderEvent = Order & { readonly status: OrderStatus; readonly at: number }

// snippet: store-events
const shop = {
  stock: unchecked<Stock>(),
  price: unchecked<Price>(),
  sale: unchecked<Sale>(),
  notice: unchecked<Notice>(),
}
const tracking = { order: unchecked<OrderEvent>() }

/** Of `/store/events` and `/store/orders/events`, for the server and the pages: what is sent is what is read. */
export const storeEvents = defineEvents(shop)
export const orderEvents = defineEvents(tracking)
// end

/** Of the hub, which has both. */
export const events = defineEvents({ ...shop, ...tracking })
