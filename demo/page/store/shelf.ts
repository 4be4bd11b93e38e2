import type { Price, Product, Purchase, Stock } from '../../server/store/events.js'

/** A product as the page knows it now. */
export interface Ware extends Omit<Product, 'stock'> {
  /** What is shown: the known stock, less what is just being bought here. */
  readonly stock: number
}

/** Pieces taken off the shelf before the shop has said yes. */
interface Hold {
  /** The shop has them sold. */
  keep(purchase: Purchase): void
  /** It hasn't; perhaps it has said how many there are. */
  putBack(known?: Pick<Stock, 'stock' | 'version'>): void
}

export interface Shelf {
  readonly wares: ReadonlyMap<string, Ware>
  load(products: readonly Product[]): void
  setStock(stock: Pick<Stock, 'sku' | 'stock' | 'version'>): void
  setPrice(price: Price): void
  hold(sku: string, quantity: number): Hold
}

interface Entry {
  product: Product
  /** While pieces are being bought, at most the smallest of these is shown. */
  readonly holds: Set<{ readonly most: number }>
}

/**
 * Products and what happens to them. A stock comes from three sides, data, events and answers to purchases, in any order: what is older
 * than what is known changes nothing, so that no number ever jumps back.
 */
export function createShelf(onchange: (ware: Ware, before: Ware | undefined) => void): Shelf {
  const entries = new Map<string, Entry>()
  const wares = new Map<string, Ware>()

  function update(entry: Entry, product: Product): void {
    const before = wares.get(product.sku)
    const ware = { ...product, stock: Math.min(product.stock, ...Array.from(entry.holds, ({ most }) => most)) }
    entry.product = product
    wares.set(product.sku, ware)
    if (before?.stock !== ware.stock || before.price !== ware.price || before.was !== ware.was) onchange(ware, before)
  }

  return {
    wares,
    load(products) {
      for (const product of products) {
        const entry = entries.get(product.sku) ?? { product, holds: new Set() }
        entries.set(product.sku, entry)
        const { stock, version } = entry.product
        update(entry, product.version >= version ? product : { ...product, stock, version })
      }
    },
    setStock({ sku, stock, version }) {
      const entry = entries.get(sku)
      if (entry && version > entry.product.version) update(entry, { ...entry.product, stock, version })
    },
    setPrice({ sku, price, was }) {
      const entry = entries.get(sku)
      if (entry) update(entry, { ...entry.product, price, was })
    },
    hold(sku, quantity) {
      const entry = entries.get(sku)
      if (!entry) return { keep() {}, putBack() {} }
      // A ceiling, not "less by one" until the answer: the event of this very purchase may come before it.
      const hold = { most: Math.max(0, Math.min(entry.product.stock, ...Array.from(entry.holds, ({ most }) => most)) - quantity) }
      entry.holds.add(hold)
      update(entry, entry.product)
      const letGo = (known: Pick<Stock, 'stock' | 'version'> = entry.product): void => {
        const { stock, version } = known
        entry.holds.delete(hold)
        update(entry, version > entry.product.version ? { ...entry.product, stock, version } : entry.product)
      }
      return { keep: letGo, putBack: letGo }
    },
  }
}
