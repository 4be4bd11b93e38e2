import { describe, expect, test } from 'vitest'
import { createShelf, type Shelf } from '../../demo/page/store/shelf.js'
import type { Product } from '../../demo/server/store/events.js'

const MUG: Product = {
  sku: 'KIT-013',
  name: 'Stoneware Mug, Fog',
  category: 'kitchen',
  price: 1_600,
  was: null,
  stock: 5,
  version: 7,
  art: { hue: 14, shape: 4 },
  blurb: 'Thrown thick, so that tea stays hot.',
}

describe('the shelf of the store’s pages', () => {
  /** The numbers that were shown, one after the other. */
  let shown: number[]

  function shelfOf(product = MUG): Shelf {
    shown = []
    const shelf = createShelf(({ stock }) => shown.push(stock))
    shelf.load([product])
    return shelf
  }

  const event = (stock: number, version: number) => ({ sku: MUG.sku, stock, version })
  const purchase = (stock: number, version: number) => ({ ...event(stock, version), order: 1, number: 'S-1', quantity: 1 })

  test.each<[what: string, run: (shelf: Shelf) => void, expected: number[]]>([
    ['a change is shown', (shelf) => shelf.setStock(event(4, 8)), [5, 4]],
    ['the same number again is no change', (shelf) => shelf.setStock(event(5, 8)), [5]],
    ['an event from before the data were read changes nothing', (shelf) => shelf.setStock(event(6, 6)), [5]],
    [
      'an event that comes twice changes nothing',
      (shelf) => [8, 9, 8].forEach((version) => shelf.setStock(event(12 - version, version))),
      [5, 4, 3],
    ],
    ['data that are older than an event change nothing', (shelf) => (shelf.setStock(event(3, 9)), shelf.load([MUG])), [5, 3]],
    ['an unknown product is left alone', (shelf) => shelf.setStock({ sku: 'X', stock: 1, version: 9 }), [5]],
    ['what is being bought is gone at once, and stays gone', (shelf) => shelf.hold(MUG.sku, 1).keep(purchase(4, 8)), [5, 4]],
    [
      'the event of a purchase before its answer takes nothing twice',
      (shelf) => {
        const hold = shelf.hold(MUG.sku, 1)
        shelf.setStock(event(4, 8))
        hold.keep(purchase(4, 8))
      },
      [5, 4],
    ],
    [
      'the event of a purchase after its answer takes nothing twice',
      (shelf) => {
        shelf.hold(MUG.sku, 1).keep(purchase(4, 8))
        shelf.setStock(event(4, 8))
      },
      [5, 4],
    ],
    [
      'somebody else’s purchase meanwhile counts as well, once the answer is there',
      (shelf) => {
        const hold = shelf.hold(MUG.sku, 1)
        shelf.setStock(event(4, 8))
        hold.keep(purchase(3, 9))
      },
      [5, 4, 3],
    ],
    ['what was not bought comes back', (shelf) => shelf.hold(MUG.sku, 1).putBack(), [5, 4, 5]],
    ['what was refused shows what the shop says there is', (shelf) => shelf.hold(MUG.sku, 1).putBack(event(0, 11)), [5, 4, 0]],
    [
      'what was refused shows what is newest',
      (shelf) => {
        const hold = shelf.hold(MUG.sku, 1)
        shelf.setStock(event(9, 12))
        hold.putBack(event(0, 11))
      },
      [5, 4, 9],
    ],
    [
      'two pieces on their way are two',
      (shelf) => {
        const [one, two] = [shelf.hold(MUG.sku, 1), shelf.hold(MUG.sku, 1)]
        one.keep(purchase(4, 8))
        two.putBack()
      },
      [5, 4, 3, 4],
    ],
  ])('%s', (_, run, expected) => {
    run(shelfOf())
    expect(shown).toEqual(expected)
  })

  test('a price changes, and changes nothing of the stock', () => {
    const shelf = shelfOf()
    shelf.setPrice({ sku: MUG.sku, price: 900, was: 1_600, at: 1 })
    expect(shelf.wares.get(MUG.sku)).toEqual({ ...MUG, price: 900, was: 1_600 })
  })
})
