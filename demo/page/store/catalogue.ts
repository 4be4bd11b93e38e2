import type { ReceivedOf } from 'server-sent'
import { connect, type EventStream } from 'server-sent/client'
import { storeEvents, type Category, type Product } from '../../server/store/events.js'
import { ask } from './api.js'
import { buyOne } from './buy.js'
import { setClock } from './clock.js'
import { find, make, write } from './dom.js'
import { createLive, type Hooks, type LiveState } from './live.js'
import { createPlace, stateOf } from './place.js'
import { createPollPanel } from './poll.js'
import { createProductCard, type ProductCard } from './product.js'
import { mention, say } from './say.js'
import { createSession } from './session.js'
import { createShelf, type Ware } from './shelf.js'
import { showCustomer, showLive, showSetup, writeProblem } from './shell.js'
import { count } from './words.js'

interface Answer {
  readonly products: readonly Product[]
  readonly categories: readonly Category[]
  readonly lastEventId: string
  readonly now: number
}

/** As many as a stream can be asked for by name. */
const PAGE = 60
/** Longer than any shop needs that is open already. */
const SETTING_UP = 1_000

const grid = find('#products')
const search = find<HTMLInputElement>('#search')
const cards = new Map<string, ProductCard>()
const session = createSession()
const shelf = createShelf(changed)
const panel = createPollPanel(() => followed())

let categories: readonly Category[] = []
/** All products, in the order of the shop's front page. */
let order: readonly string[] = []
let category = ''
let query = ''
let shown = PAGE
let matching: readonly string[] = []
let following = ''
let typing: ReturnType<typeof setTimeout> | undefined

const live = createLive({ load, open, onItem, onState })

readAddress()
showSkeletons()
live.start()
const place = createPlace()
session.onelsewhere = () => void loadSession()
void loadSession()

search.oninput = () => {
  // One step back per search, not per letter.
  const isNew = query === ''
  query = search.value.trim()
  shown = PAGE
  writeAddress(isNew && query !== '')
  showProducts()
  reveal()
  clearTimeout(typing)
  typing = setTimeout(() => {
    say(count(matching.length, 'product'))
    followShown()
  }, 500)
}
find<HTMLFormElement>('#search-form').onsubmit = (event) => event.preventDefault()
find('#clear').onclick = () => {
  go('', '')
  search.focus()
}
find('#more').onclick = () => {
  const first = matching[shown]
  shown += PAGE
  // Who comes back finds as much as there was.
  history.replaceState({ ...stateOf(), shown }, '')
  showProducts()
  followShown()
  // The button has moved away, or is gone: what it brought is where to go on.
  grid.querySelector<HTMLElement>(`[data-sku="${first}"] .buy`)?.focus({ preventScroll: true })
}
find('#retry').onclick = () => {
  showSkeletons()
  // The button is gone: the focus must not fall to the top of the page.
  find('main').focus({ preventScroll: true })
  live.start()
}
onpopstate = () => {
  readAddress()
  showProducts()
  followShown()
}

async function load(signal: AbortSignal): Promise<string> {
  const isFirst = order.length === 0
  const slow = setTimeout(() => isFirst && showPhase('setup'), SETTING_UP)
  try {
    const askedAt = Date.now()
    const path = isCategory() && !isFirst ? `/store/products?category=${encodeURIComponent(category)}` : '/store/products'
    const answer = await ask<Answer>(path, { signal, patience: 90_000 })
    setClock(answer.now, askedAt)
    shelf.load(answer.products)
    if (isFirst) {
      categories = answer.categories
      order = arrange(answer.products)
      showProducts()
      place.restore()
    }
    return answer.lastEventId
  } finally {
    clearTimeout(slow)
  }
}

// snippet: store-client
function open(hooks: Hooks): EventStream<ReceivedOf<typeof storeEvents>> {
  following = streamUrl()
  return connect(following, { ...hooks, events: storeEvents })
}

function onItem(item: ReceivedOf<typeof storeEvents>): void {
  if (item.event === 'price') shelf.setPrice(item.data)
  if (item.event !== 'stock') return
  shelf.setStock(item.data)
  panel.came(item.data, wireSize(item))
}
// end

function onState(state: LiveState): void {
  showLive(state, order.length > 0 ? 'stock' : '')
  if (state.name === 'live') panel.opened()
  if (order.length > 0 || (state.name !== 'unavailable' && state.name !== 'failed')) return
  const { error } = state
  // Before the database is there, the shop says so and asks for patience.
  if (error.code === 'STORE_OPENING') {
    showPhase('setup')
    return showSetup(true, true)
  }
  showPhase(writeProblem(state) ? 'closed' : 'error')
}

/** Products shown by name, as long as they can be named; else their category, or everything. */
function streamUrl(): string {
  if (isCategory()) return `/store/events?category=${encodeURIComponent(category)}`
  const skus = followed()
  if (skus.length === 0 || skus.length > PAGE) return '/store/events'
  return `/store/events?${new URLSearchParams(skus.map((sku) => ['sku', sku])).toString()}`
}

function followed(): readonly string[] {
  return isCategory() ? order.filter((sku) => shelf.wares.get(sku)?.category === category) : matching.slice(0, shown)
}

/** An address may name one that isn't there. */
function isCategory(): boolean {
  return categories.some(({ slug }) => slug === category)
}

function followShown(): void {
  // Until the first data are there, they decide.
  if (order.length > 0 && streamUrl() !== following) live.start()
}

function changed(ware: Ware, before: Ware | undefined): void {
  const card = cards.get(ware.sku)
  card?.show(ware)
  if (!before || !card?.element.isConnected || ware.stock === before.stock) return
  // Of what is plentiful nobody wants to hear.
  if (ware.stock === 0) mention(ware.name, 'sold out')
  else if (ware.stock < 4 && ware.stock < before.stock) mention(ware.name, `${ware.stock} left`)
  else if (before.stock === 0) mention(ware.name, 'in stock again')
}

function showProducts(): void {
  if (order.length === 0) return
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const found = order.filter((sku) => matches(shelf.wares.get(sku) as Ware, words))
  matching = category ? found.filter((sku) => shelf.wares.get(sku)?.category === category) : found
  showChips(found)
  grid.replaceChildren(...matching.slice(0, shown).map((sku) => cardOf(sku).element))
  find('#more').hidden = matching.length <= shown
  write(find('#more'), `Show ${Math.min(PAGE, matching.length - shown)} more`)
  const name = categories.find(({ slug }) => slug === category)?.name ?? (category || 'Everything')
  write(find('#shelf-title'), query ? `“${query}” in ${category ? name : 'everything'}` : name)
  write(find('#shelf-count'), count(matching.length, 'product'))
  write(
    find('#empty-text'),
    query ? `Nothing here is called “${query}”${category ? `, at least not in ${name}` : ''}.` : `There is nothing in “${category}”.`,
  )
  showPhase(matching.length === 0 ? 'empty' : 'ready')
  document.title = `${query ? `“${query}” · ` : ''}${category ? `${name} · ` : ''}Alder & Quay, a live store · server-sent`
}

function matches({ name, blurb, sku, category }: Ware, words: readonly string[]): boolean {
  const text = `${name} ${blurb} ${sku} ${category}`.toLowerCase()
  return words.every((word) => text.includes(word))
}

function cardOf(sku: string): ProductCard {
  const known = cards.get(sku)
  if (known) return known
  const card = createProductCard(shelf.wares.get(sku) as Ware, async () => (await buyOne(shelf, session, sku)) !== undefined)
  cards.set(sku, card)
  return card
}

function showChips(found: readonly string[]): void {
  const counts = new Map<string, number>()
  for (const sku of found) {
    const { category } = shelf.wares.get(sku) as Ware
    counts.set(category, (counts.get(category) ?? 0) + 1)
  }
  const list = find('#categories')
  if (list.childElementCount === 0) {
    for (const { slug, name } of [{ slug: '', name: 'Everything' }, ...categories]) {
      const link = make('a.chip', { href: address(slug, ''), 'data-slug': slug }, name, ' ', make('span.count'))
      link.onclick = (event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return
        event.preventDefault()
        go(slug, query)
      }
      list.append(make('li', {}, link))
    }
  }
  for (const link of list.querySelectorAll<HTMLAnchorElement>('a')) {
    const slug = link.dataset['slug'] ?? ''
    const number = slug ? (counts.get(slug) ?? 0) : found.length
    write(find('.count', link), String(number))
    link.href = address(slug, query)
    link.dataset['empty'] = String(number === 0)
    if (slug !== category) link.removeAttribute('aria-current')
    else if (link.ariaCurrent !== 'true') {
      link.setAttribute('aria-current', 'true')
      // Into view in its row, on a phone; the page stays where it is.
      list.scrollLeft = link.offsetLeft - list.offsetLeft - (list.clientWidth - link.offsetWidth) / 2
    }
  }
}

/** Variants of a kind apart, kinds of all categories mixed: a front page, not a list. */
function arrange(products: readonly Product[]): readonly string[] {
  const kinds = new Map<string, number>()
  return products
    .map(({ sku, category, art }, index) => {
      const kind = `${category} ${art.shape}`
      const variant = kinds.get(kind) ?? 0
      kinds.set(kind, variant + 1)
      return { sku, place: variant * 10_000 + art.shape * 100 + index / products.length }
    })
    .sort((a, b) => a.place - b.place)
    .map(({ sku }) => sku)
}

function go(toCategory: string, toQuery: string): void {
  category = toCategory
  query = toQuery
  if (search.value.trim() !== query) search.value = query
  shown = PAGE
  writeAddress(true)
  showProducts()
  reveal()
  followShown()
  say(count(matching.length, 'product'))
}

/** What was chosen is what is to be seen: from deep within another list, or from above it on a phone. */
function reveal(): void {
  const shelf = find('.shelf')
  const { top } = shelf.getBoundingClientRect()
  if (top < find('.tools').getBoundingClientRect().bottom - 1 || top > innerHeight / 2) shelf.scrollIntoView()
}

function address(category: string, query: string): string {
  const parameters = new URLSearchParams({ ...(category && { category }), ...(query && { q: query }) }).toString()
  return parameters ? `/store?${parameters}` : '/store'
}

function writeAddress(isStep: boolean): void {
  const url = address(category, query)
  if (isStep) history.pushState(null, '', url)
  else history.replaceState(null, '', url)
}

function readAddress(): void {
  const parameters = new URLSearchParams(location.search)
  category = parameters.get('category') ?? ''
  query = parameters.get('q')?.trim() ?? ''
  search.value = query
  shown = Math.max(PAGE, stateOf().shown ?? 0)
}

function showPhase(phase: 'loading' | 'setup' | 'ready' | 'empty' | 'error' | 'closed'): void {
  const main = find('main')
  if (main.dataset['phase'] === phase) return
  main.dataset['phase'] = phase
  find('#skeletons').hidden = phase !== 'loading' && phase !== 'setup'
  showSetup(phase === 'setup')
  find('#empty').hidden = phase !== 'empty'
  find('#problem').hidden = phase !== 'error' && phase !== 'closed'
  grid.hidden = phase !== 'ready'
}

function showSkeletons(): void {
  const skeletons = find('#skeletons')
  if (skeletons.childElementCount === 0) {
    for (let number = 0; number < 15; number++)
      skeletons.append(make('div.product.skeleton', {}, make('div.picture'), make('i'), make('i'), make('i')))
  }
  showPhase('loading')
}

async function loadSession(): Promise<void> {
  // Without an answer one shops as a guest; the purchase itself says what is wrong.
  await session.load().catch(() => {})
  showCustomer(session.customer)
}

function wireSize({ event, data, lastEventId }: { event: string; data: unknown; lastEventId: string }): number {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\nid: ${lastEventId}\n\n`.length
}
