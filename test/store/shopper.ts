import { randomUUID } from 'node:crypto'
import { connect, type ConnectOptions } from 'server-sent/client'
import type { ReceivedOf } from 'server-sent'
import { events, type Order, type Product, type Purchase, type Sale } from '../../demo/server/store/events.js'
import { until } from '../helpers/until.js'

export type Event = ReceivedOf<typeof events>

export const ADA = { email: 'ada@example.com', password: 'tulips-in-may' }
export const GRACE = { email: 'grace@example.com', password: 'harbour-lights' }

/** The status of an answer, and its JSON. */
interface Answer<T> {
  readonly status: number
  readonly body: T & { readonly code?: string; readonly message?: string }
  readonly headers: Headers
}

/** What is received on one stream, over all its connections. */
export interface Following {
  readonly items: Event[]
  readonly lastEventId: string
  /** Times at which it was connected. */
  readonly opened: readonly number[]
  /** Resolves with the error that ended it, or undefined. */
  readonly ended: Promise<unknown>
  /** Waits for the first item that passes. */
  first<T extends Event>(what: string, passes: (item: Event) => item is T, within?: number): Promise<T>
  first(what: string, passes: (item: Event) => boolean, within?: number): Promise<Event>
  close(): void
}

/** Somebody with a browser of their own: it keeps the cookie, and sends what its pages would. */
export interface Shopper {
  cookie: string
  csrf: string
  get<T = object>(path: string): Promise<Answer<T>>
  send<T = object>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>>
  signIn(account: { email: string; password: string }): Promise<void>
  /** @param price what it may cost at most */
  buy(sku: string, quantity?: number, key?: string, price?: number): Promise<Answer<Purchase & { stock: number }>>
  /** The order's number; throws unless it was bought. */
  order(sku: string, quantity?: number): Promise<number>
  products(query?: string): Promise<{ products: Product[]; categories: { slug: string; count: number }[]; lastEventId: string }>
  orders(): Promise<{ orders: Order[]; lastEventId: string }>
  sale(): Promise<{ sale: Sale; product: Product; lastEventId: string; now: number }>
  /** @param base of another address, as of a proxy. */
  follow(path: string, options?: { lastEventId?: string; base?: string } & Pick<ConnectOptions, 'reconnect'>): Following
}

export function createShopper(base: string): Shopper {
  const shopper: Shopper = {
    cookie: '',
    csrf: '',
    get: (path) => shopper.send('GET', path),
    async send(method, path, body, headers = {}) {
      const response = await fetch(base + path, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(shopper.cookie && { cookie: shopper.cookie }),
          ...(shopper.csrf && method !== 'GET' && { 'x-csrf': shopper.csrf }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, body: text === '' ? {} : JSON.parse(text), headers: response.headers }
    },
    async signIn(account) {
      const { status, body, headers } = await shopper.send<{ csrf: string }>('POST', '/store/session', account)
      if (status !== 200) throw new Error(`Not signed in: ${status} ${body.message}`)
      shopper.cookie = headers.get('set-cookie')?.split(';')[0] ?? ''
      shopper.csrf = body.csrf
    },
    buy: (sku, quantity = 1, key = randomUUID(), price?) => shopper.send('POST', '/store/purchases', { sku, quantity, price, key }),
    async order(sku, quantity) {
      const { status, body } = await shopper.buy(sku, quantity)
      if (status !== 201) throw new Error(`Not bought: ${status} ${JSON.stringify(body)}`)
      return body.order
    },
    products: async (query = '') => good(await shopper.get(`/store/products${query}`)),
    orders: async () => good(await shopper.get('/store/orders/list')),
    sale: async () => good(await shopper.get('/store/sale/state')),
    follow: (path, { base: other = base, ...options } = {}) =>
      following((opened) =>
        connect(other + path, {
          events,
          headers: () => ({ cookie: shopper.cookie }),
          reconnect: { min: 50, max: 300 },
          ...options,
          onOpen: () => opened.push(Date.now()),
        }),
      ),
  }
  return shopper
}

function following(open: (opened: number[]) => AsyncIterable<Event> & { lastEventId: string; close(): void }): Following {
  const items: Event[] = []
  const opened: number[] = []
  const stream = open(opened)
  const ended = (async () => {
    for await (const item of stream) items.push(item)
  })().catch((error: unknown) => error)
  return {
    items,
    opened,
    ended,
    get lastEventId() {
      return stream.lastEventId
    },
    first: (what: string, passes: (item: Event) => boolean, within?: number) =>
      until(what, () => items.find(passes), within) as Promise<never>,
    close: () => stream.close(),
  }
}

function good<T>({ status, body }: Answer<T>): T {
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body
}

type DataOf<K extends Event['event']> = Extract<Event, { event: K }>['data']

/** Of one type, in the order in which they came. */
export function dataOf<K extends Event['event']>(items: readonly Event[], event: K): DataOf<K>[] {
  return items.filter((item) => item.event === event).map((item) => item.data as DataOf<K>)
}
