import type { Handler } from '../http.js'
import { DatabaseUnavailable } from './database/database.js'
import type { StoreHandler } from './handler.js'
import { followOrders, listOrders, showOrder } from './order-routes.js'
import { createOpening, unavailable } from './opening.js'
import { buy, checkInventory, followStock, listProducts } from './product-routes.js'
import { changeSale, showSale } from './sale-routes.js'
import { showSession, signIn, signOut } from './session-routes.js'
import type { Settings } from './settings.js'

interface Route {
  /** As it is counted and logged. */
  readonly path: string
  readonly methods: Record<string, Handler>
}

export interface StoreRoutes {
  /** Opens the store, if it isn't open. */
  begin(): void
  route(path: string): Route | undefined
  close(): Promise<void>
}

const ROUTES: Record<string, Record<string, StoreHandler>> = {
  '/api/inventory/check': { GET: checkInventory },
  '/store/products': { GET: listProducts },
  '/store/purchases': { POST: buy },
  '/store/events': { GET: followStock },
  '/store/session': { GET: showSession, POST: signIn, DELETE: signOut },
  '/store/orders/list': { GET: listOrders },
  '/store/orders/events': { GET: followOrders },
  '/store/orders/{id}': { GET: showOrder },
  '/store/sale/state': { GET: showSale, POST: changeSale },
}

/** What the store answers. The first request opens it. */
export function createStoreRoutes(settings: Settings): StoreRoutes {
  const opening = createOpening(settings)
  const routes = new Map(
    Object.entries(ROUTES).map(([path, handlers]) => {
      const methods = Object.entries(handlers).map(([method, handler]) => [method, opened(handler)])
      return [path, { path, methods: Object.fromEntries(methods) as Record<string, Handler> }]
    }),
  )

  function opened(handler: StoreHandler): Handler {
    return async (req, res) => {
      const store = await opening.store()
      try {
        await handler(store, req, res)
      } catch (error) {
        if (error instanceof DatabaseUnavailable) throw unavailable(error)
        throw error
      }
    }
  }

  return {
    begin: opening.begin,
    route: (path) =>
      routes.get(path) ?? routes.get(path.replace(/^(\/store\/orders)\/[^/]*$/, '$1/{id}')),
    close: opening.close,
  }
}
