import type { ReceivedOf } from 'server-sent'
import { connect, type EventStream } from 'server-sent/client'
import { orderEvents, type Order, type Product } from '../../server/store/events.js'
import { ShopError, ask, isShopError } from './api.js'
import { drawArt } from './art.js'
import { animate, find, make, write } from './dom.js'
import { createLive, type Hooks, type LiveState } from './live.js'
import { createOrderView, type OrderView } from './order.js'
import { mention, say } from './say.js'
import { createSession } from './session.js'
import { showCustomer, showLive, showSetup, writeProblem } from './shell.js'
import { STATUS_WORDS, count } from './words.js'

const SETTING_UP = 1_000

const session = createSession()
const list = find('#orders')
const form = find<HTMLFormElement>('#sign-in-form')
const email = find<HTMLInputElement>('#email')
const password = find<HTMLInputElement>('#password')

const views = new Map<number, OrderView>()
let pictures: ReadonlyMap<string, Product> | undefined
let isAsking = false
/** Why the door is shown to somebody who was in. */
let note = ''

const live = createLive({ load, open, onItem, onState })
live.start()
// Another window has signed in or out: the cookie is the same for both.
session.onelsewhere = () => {
  note = session.customer ? 'You have signed out in another window.' : ''
  live.start()
}

form.onsubmit = (event) => {
  event.preventDefault()
  void signIn()
}
find('#sign-out').onclick = () => void signOut()
find('#retry').onclick = () => {
  showPhase('loading')
  // The button is gone: the focus must not fall to the top of the page.
  find('main').focus({ preventScroll: true })
  live.start()
}

async function load(signal: AbortSignal): Promise<string> {
  const slow = setTimeout(() => find('main').dataset['phase'] === 'loading' && showSetup(true), SETTING_UP)
  try {
    const before = session.customer
    await session.load(signal)
    showCustomer(session.customer)
    if (!session.customer) throw new ShopError(401, 'SIGN_IN_FIRST', 'Sign in first')
    const { orders, lastEventId } = await ask<{ orders: readonly Order[]; lastEventId: string }>('/store/orders/list', { signal })
    if (before?.email !== session.customer.email) empty()
    // The newest is shown first: it is added last.
    for (const order of orders.toSorted((a, b) => a.id - b.id)) show(order)
    write(find('#greeting'), `Hello ${session.customer.name}. Each step appears by itself, the moment it happens.`)
    showPhase(views.size === 0 ? 'empty' : 'list')
    void loadPictures()
    return lastEventId
  } finally {
    clearTimeout(slow)
    showSetup(false)
  }
}

// snippet: order-client
function open(hooks: Hooks): EventStream<ReceivedOf<typeof orderEvents>> {
  return connect('/store/orders/events', { ...hooks, events: orderEvents })
}

function onItem(item: ReceivedOf<typeof orderEvents>): void {
  if (item.event !== 'order') return
  show(item.data, true)
  showPhase('list')
}
// end

function onState(state: LiveState): void {
  const isOut = state.name === 'failed' && state.error.status === 401
  showLive(isOut ? { name: 'stopped' } : state, views.size > 0 ? 'steps' : '')
  if (isOut) return showDoor()
  if (state.name !== 'failed' && state.name !== 'unavailable') return
  // What is there stays there.
  if (views.size > 0 || find('main').dataset['phase'] === 'empty') return
  if (state.error.code === 'STORE_OPENING') return showSetup(true, true)
  writeProblem(state)
  showPhase('problem')
}

/** `isNews`: it has come just now, and is worth a word and a movement. */
function show(order: Order, isNews = false): void {
  const known = views.get(order.id)
  // What the list says may be older than what an event has said.
  if (known && known.order.steps.length >= order.steps.length) return
  const view = known ?? createOrderView(order)
  view.show(order, isNews)
  if (!known) {
    views.set(order.id, view)
    list.prepend(view.element)
    decorate(view)
    if (isNews) animate(view.element, [{ opacity: 0, translate: '0 -10px' }, {}], 400)
  }
  const status = order.steps.at(-1)?.status
  if (isNews && status) mention(`Order ${order.number}`, STATUS_WORDS[status].toLowerCase())
}

function empty(): void {
  views.clear()
  list.replaceChildren()
}

/** Orders know names and prices; what things look like, the catalogue knows. Asked for once, however many orders there are. */
async function loadPictures(): Promise<void> {
  if (pictures || isAsking || views.size === 0) return
  isAsking = true
  try {
    const { products } = await ask<{ products: readonly Product[] }>('/store/products')
    pictures = new Map(products.map((product) => [product.sku, product]))
    for (const view of views.values()) decorate(view)
  } catch {
    // The next order asks again.
  } finally {
    isAsking = false
  }
}

function decorate({ element, order }: OrderView): void {
  const product = pictures?.get(order.items[0]?.sku ?? '')
  if (product) find('.picture', element).replaceChildren(drawArt(product))
  else if (!pictures) void loadPictures()
}

async function signIn(): Promise<void> {
  const button = find<HTMLButtonElement>('button', form)
  if (button.ariaDisabled === 'true') return
  button.ariaDisabled = 'true'
  write(button, 'Signing in')
  showRefusal('')
  try {
    await session.signIn(email.value, password.value)
    note = ''
    form.reset()
    showPhase('loading')
    live.start()
    say(`Signed in as ${session.customer?.name}`)
    find('main').focus()
  } catch (reason) {
    showRefusal(isShopError(reason) ? reason.message : 'Something went wrong on this page')
    password.focus()
  } finally {
    button.ariaDisabled = 'false'
    write(button, 'Sign in')
  }
}

function showRefusal(words: string): void {
  write(find('#sign-in-error'), words)
  password.ariaInvalid = String(words !== '')
}

async function signOut(): Promise<void> {
  try {
    // Before the server ends the stream: that would be a session that has ended by itself.
    live.stop()
    await session.signOut()
    note = 'You are signed out.'
    showDoor()
    find('main').focus({ preventScroll: true })
  } catch (reason) {
    say(isShopError(reason) ? reason.message : 'Something went wrong on this page')
    live.start()
  }
}

function showDoor(): void {
  // The orders of somebody who has left aren't for who comes next.
  const wasIn = views.size > 0 || find('main').dataset['phase'] === 'empty'
  if (wasIn && note === '') note = 'Your session has ended. Sign in again, and nothing is missed.'
  empty()
  showCustomer(null)
  write(find('#greeting'), 'Each step appears by itself, the moment it happens.')
  write(find('#door-note'), note)
  find('#door-note').hidden = note === ''
  if (note !== '') say(note)
  const accounts = find('#accounts')
  accounts.replaceChildren(
    ...session.accounts.map(({ name, email: address, password: word }) => {
      const button = make(
        'button.account',
        { type: 'button', 'aria-label': `Fill in ${name}’s account` },
        make('strong', {}, name),
        make('span', {}, address),
        make('code', {}, word),
      )
      button.onclick = () => {
        email.value = address
        password.value = word
        showRefusal('')
        find<HTMLButtonElement>('button', form).focus()
      }
      return make('li', {}, button)
    }),
  )
  showPhase('door')
  note = ''
}

function showPhase(phase: 'loading' | 'door' | 'list' | 'empty' | 'problem'): void {
  const main = find('main')
  main.dataset['phase'] = phase
  find('#skeletons').hidden = phase !== 'loading'
  find('#sign-in').hidden = phase !== 'door'
  find('#list').hidden = phase !== 'list'
  find('#empty').hidden = phase !== 'empty'
  find('#problem').hidden = phase !== 'problem'
  find('#sign-out').hidden = phase !== 'list' && phase !== 'empty'
  list.ariaLabel = count(views.size, 'order')
}
