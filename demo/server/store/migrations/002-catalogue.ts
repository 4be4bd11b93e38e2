import type { Migration } from '../database/migrate.js'
import { CATEGORIES, PRODUCTS } from '../catalogue.js'
import { SALE_PIECES, SALE_SKU } from '../sale-terms.js'

export const catalogue: Migration = {
  name: 'catalogue',
  async up(tx) {
    await tx.query(
      `INSERT INTO store.categories (slug, name, position)
      SELECT slug, name, position FROM json_to_recordset($1::json) AS c (slug text, name text, position int)`,
      [JSON.stringify(CATEGORIES)],
    )
    await tx.query(
      `INSERT INTO store.products (sku, name, category, price, hue, shape, blurb, position)
      SELECT sku, name, category, price, hue, shape, blurb, position
      FROM json_to_recordset($1::json) AS p (sku text, name text, category text, price int, hue int, shape int, blurb text, position int)`,
      [JSON.stringify(PRODUCTS)],
    )
    await tx.query(
      `INSERT INTO store.stock (sku, pieces)
      SELECT sku, stock FROM json_to_recordset($1::json) AS p (sku text, stock int)`,
      [JSON.stringify(PRODUCTS)],
    )
    // None yet: then there is always a newest one.
    await tx.query(`INSERT INTO store.sales (id, sku, state, total) VALUES (0, $1, 'idle', $2)`, [
      SALE_SKU,
      SALE_PIECES,
    ])
  },
}
