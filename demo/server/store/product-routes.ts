import type { ServerResponse } from 'node:http'
import { pattern, type Pattern } from 'server-sent/hub'
import { sendSse } from 'server-sent/node'
import { HttpError, answer } from '../http.js'
import { SALE_TOPIC, stockTopic } from './outbox.js'
import {
  checkSameSite,
  fieldsOf,
  optional,
  parameterOf,
  queryOf,
  shown,
  text,
  whole,
} from './request.js'
import type { StoreHandler } from './handler.js'
import { SALE_SKU } from './sale-terms.js'
import { checkCsrf } from './session-routes.js'
import { checkCategory, findCategories, findProducts, productBySku, stockOf } from './shop.js'
import type { Store } from './store.js'

const MOST_SKUS = 60
const SKU = /^[A-Z\d][A-Z\d-]{0,19}$/
const KEY = /^[\w-]{8,64}$/

export const listProducts: StoreHandler = async ({ database, hub }, req, res) => {
  const query = queryOf(req)
  const category = parameterOf(query, 'category') ?? ''
  const words = parameterOf(query, 'q') ?? ''
  if (words.length > 100 || words.includes('\0'))
    throw new HttpError(400, 'INVALID_SEARCH', '`q` may have 100 characters, and no NUL')
  if (category !== '') await checkCategory(database, slugOf(category))
  // Before what is read: who follows from here misses nothing of what comes after.
  const { lastEventId } = hub
  const [products, categories] = await Promise.all([
    findProducts(database, category, words),
    findCategories(database, words),
  ])
  answer(res, 200, { products, categories, lastEventId, now: Date.now() })
}

/** What a page without a stream asks again and again. */
export const checkInventory: StoreHandler = async ({ database }, req, res) => {
  const skus = skusOf(queryOf(req))
  if (skus.length === 0)
    throw new HttpError(400, 'MISSING_SKU', 'Say which products: ?sku=AUD-001&sku=KIT-002')
  const items = await stockOf(database, skus)
  answer(res, 200, { items: items.map(({ sku, stock }) => ({ sku, stock })), now: Date.now() })
}

export const buy: StoreHandler = async ({ buy, sessions }, req, res) => {
  checkSameSite(req)
  const session = await sessions.find(req)
  if (session) checkCsrf(session, req)
  // Of somebody who takes themselves for signed in: as a guest's, they couldn't follow the order.
  else if (req.headers['x-csrf']) throw signedOut()
  const wish = await fieldsOf(req, {
    sku: text(SKU, 'a product, like "AUD-001"'),
    quantity: whole(1, 10),
    price: optional(whole(1, 2 ** 31 - 1)),
    key: text(KEY, '8 to 64 letters, digits, - or _, new for each purchase'),
  })
  const { repeated, ...bought } = await buy({ ...wish, customer: session?.customer.id })
  answer(res, repeated ? 200 : 201, bought)
}

function signedOut(): HttpError {
  const words = 'You have been signed out. Sign in again, or buy once more, as a guest'
  return new HttpError(401, 'SIGN_IN_FIRST', words)
}

// snippet: store-stream
export const followStock: StoreHandler = async (store, req, res) => {
  const query = queryOf(req)
  const sale = parameterOf(query, 'sale')
  if (sale !== null && sale !== '1')
    throw new HttpError(400, 'INVALID_SALE', `\`sale\` must be 1, or left out: ${shown(sale)}`)
  const topics = await stockTopics(store, query)
  if (sale === '1') {
    const { category } = await productBySku(store.database, SALE_SKU)
    topics.push(SALE_TOPIC, stockTopic(category, SALE_SKU))
    watchSale(store, res)
  }
  await sendSse(req, res, store.hub.subscribe(topics))
}

/** `?sku=` names products, `?category=` all of one; nothing means everything. Only what is asked for is sent. */
async function stockTopics(
  { database }: Store,
  query: URLSearchParams,
): Promise<(string | Pattern)[]> {
  const category = parameterOf(query, 'category')
  const skus = skusOf(query)
  if (category !== null && skus.length > 0)
    throw new HttpError(400, 'BOTH_GIVEN', 'Give `sku` or `category`, not both')
  if (category !== null) {
    await checkCategory(database, slugOf(category))
    return [pattern(`stock/${category}/*`)]
  }
  if (skus.length === 0) return [pattern('stock/*/*')]
  return (await stockOf(database, skus)).map((product) => stockTopic(product.category, product.sku))
}
// end

function watchSale({ sale }: Store, res: ServerResponse): void {
  // Gone before it began.
  if (res.closed) return
  sale.watch(1)
  res.once('close', () => sale.watch(-1))
}

function skusOf(query: URLSearchParams): string[] {
  const skus = [...new Set(query.getAll('sku'))]
  if (skus.length > MOST_SKUS)
    throw new HttpError(
      400,
      'TOO_MANY_SKUS',
      `\`sku\` may be given ${MOST_SKUS} times; for more take a category, or everything`,
    )
  const wrong = skus.find((sku) => !SKU.test(sku))
  if (wrong !== undefined)
    throw new HttpError(400, 'INVALID_SKU', `\`sku\` must be like AUD-001: ${shown(wrong)}`)
  return skus
}

function slugOf(category: string): string {
  if (/^[a-z\d-]{1,40}$/.test(category)) return category
  throw new HttpError(404, 'UNKNOWN_CATEGORY', `There is no category ${shown(category)}`)
}
