import type { IncomingMessage } from 'node:http'
import { sendSse } from 'server-sent/node'
import { HttpError, answer } from '../http.js'
import { orderOf, ordersOf } from './orders.js'
import { ordersTopic } from './outbox.js'
import { parameterOf, queryOf, shown } from './request.js'
import type { StoreHandler } from './handler.js'
import type { Session } from './sessions.js'
import { principalOf, type Store } from './store.js'

export const listOrders: StoreHandler = async (store, req, res) => {
  const { customer } = await customerOf(store, req)
  const { lastEventId } = store.hub
  answer(res, 200, {
    orders: await ordersOf(store.database, customer.id),
    lastEventId,
    now: Date.now(),
  })
}

export const showOrder: StoreHandler = async (store, req, res) => {
  const { customer } = await customerOf(store, req)
  const id = idOf((req.url ?? '').split('?', 1)[0]?.split('/').at(-1) ?? '')
  answer(res, 200, await orderOf(store.database, customer.id, id))
}

// snippet: order-stream
export const followOrders: StoreHandler = async (store, req, res) => {
  const { hub, sessions, database } = store
  const session = await customerOf(store, req)
  const { id, customer, expiresAt } = session
  const order = parameterOf(queryOf(req), 'order')
  // Of somebody else: 403.
  const only = order === null ? undefined : await orderOf(database, customer.id, idOf(order))
  // Signed out while that was read: nothing would end this stream.
  if (sessions.hasEnded(session)) throw signInFirst()
  const following = hub.subscribe(ordersTopic(customer.id), {
    principal: principalOf(id),
    expiresAt,
    filter:
      only &&
      ((item) => item.event === 'gap' || (item.event === 'order' && item.data.id === only.id)),
  })
  await sendSse(req, res, following)
}
// end

async function customerOf({ sessions }: Store, req: IncomingMessage): Promise<Session> {
  const session = await sessions.find(req)
  if (!session) throw signInFirst()
  return session
}

function signInFirst(): HttpError {
  return new HttpError(
    401,
    'SIGN_IN_FIRST',
    'Sign in first: orders are shown to their customer alone',
  )
}

function idOf(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new HttpError(404, 'UNKNOWN_ORDER', `There is no order ${shown(text)}`)
}
