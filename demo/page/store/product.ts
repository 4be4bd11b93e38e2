import { drawArt } from './art.js'
import { animate, make, write } from './dom.js'
import type { Ware } from './shelf.js'
import { money, percentOff, stockLevel, stockWords } from './words.js'

const PLACED_SHOWN = 1_800

export interface ProductCard {
  readonly element: HTMLElement
  show(ware: Ware): void
}

/** A product in the catalogue. What changes has its room from the beginning: nothing moves but the number. */
export function createProductCard(ware: Ware, buy: () => Promise<boolean>): ProductCard {
  const { sku, name, blurb } = ware
  const id = `name-${sku}`
  const [kind, variant] = partsOf(name)
  const badge = make('span.badge')
  const price = make('span.price')
  const before = make('span.visually-hidden', {}, 'before')
  const was = make('s.was')
  const stock = make('p.stock')
  const button = make('button.buy', { type: 'button' })
  const title = make('h3', { id }, make('span', {}, kind), ...(variant ? [make('span.variant', {}, variant)] : []))
  const element = make(
    'article.product',
    { 'aria-labelledby': id, 'data-sku': sku },
    make('div.picture', {}, drawArt(ware) as unknown as HTMLElement, badge),
    make('div.words', {}, title, make('p.blurb', {}, blurb), stock),
    make('div.deal', {}, make('p.prices', {}, price, before, was), button),
  )
  let current = ware
  let state: 'idle' | 'buying' | 'placed' = 'idle'
  let shownStock: number | undefined

  button.onclick = async () => {
    if (state !== 'idle' || current.stock <= 0) return
    enter('buying')
    const placed = await buy()
    enter(placed ? 'placed' : 'idle')
    if (placed) setTimeout(() => enter('idle'), PLACED_SHOWN)
  }

  function enter(next: typeof state): void {
    state = next
    showButton()
  }

  function showButton(): void {
    const soldOut = current.stock <= 0 && state === 'idle'
    const text = soldOut ? 'Sold out' : { idle: 'Buy', buying: 'Buying', placed: 'Ordered' }[state]
    write(button, text)
    button.dataset['state'] = soldOut ? 'none' : state
    // Not `disabled`: that would take the focus away from whoever has just pressed it.
    button.ariaDisabled = String(soldOut || state !== 'idle')
    button.ariaLabel = `${text} ${name}`
  }

  function show(next: Ware): void {
    current = next
    const level = stockLevel(next.stock)
    element.dataset['level'] = level
    write(price, money(next.price))
    write(was, next.was ? money(next.was) : '')
    before.hidden = !next.was
    write(badge, next.was && level !== 'none' ? percentOff(next.price, next.was) : level === 'few' && next.stock < 4 ? 'Almost gone' : '')
    if (write(stock, stockWords(next.stock)) && shownStock !== undefined) {
      const color = next.stock > shownStock ? 'var(--good)' : 'var(--ember)'
      animate(stock, [{ color, translate: next.stock > shownStock ? '0 4px' : '0 -4px' }, { color }, {}], 900)
    }
    shownStock = next.stock
    showButton()
  }

  show(ware)
  return { element, show }
}

/** `Wool Throw, Oat`: the thing, and which of its kind. */
function partsOf(name: string): [kind: string, variant: string] {
  const comma = name.lastIndexOf(', ')
  return comma === -1 ? [name, ''] : [name.slice(0, comma), name.slice(comma + 2)]
}
