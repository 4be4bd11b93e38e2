import { answer } from '../http.js'
import { checkSameSite, fieldsOf, oneOf, whole } from './request.js'
import type { StoreHandler } from './handler.js'
import { announceSale, currentSale, resetSale } from './sale.js'
import { SALE_SKU } from './sale-terms.js'
import { checkCsrf } from './session-routes.js'
import { productBySku } from './shop.js'

export const showSale: StoreHandler = async ({ database, hub }, _, res) => {
  const { lastEventId } = hub
  const [sale, product] = await Promise.all([
    currentSale(database),
    productBySku(database, SALE_SKU),
  ])
  answer(res, 200, { sale, product, now: Date.now(), lastEventId })
}

/** A demo's button, for whoever is there: a store would ask who it is. */
export const changeSale: StoreHandler = async (store, req, res) => {
  checkSameSite(req)
  const session = await store.sessions.find(req)
  if (session) checkCsrf(session, req)
  const { action, crowd } = await fieldsOf(req, {
    action: oneOf('start', 'reset'),
    crowd: whole(0, 500),
  })
  const { database, settings } = store
  const sale =
    action === 'start' ? await announceSale(database, crowd, settings) : await resetSale(database)
  store.sale.wake()
  answer(res, 202, { sale, now: Date.now() })
}
