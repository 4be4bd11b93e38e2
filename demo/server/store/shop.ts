import { HttpError } from '../http.js'
import type { Queryable } from './database/database.js'
import type { Category, Product } from './events.js'

interface ProductRow extends Omit<Product, 'art'> {
  readonly hue: number
  readonly shape: number
}

const PRODUCT = `p.sku, p.name, p.category, p.price, p.was, p.hue, p.shape, p.blurb, s.pieces AS stock, s.version
  FROM store.products p JOIN store.stock s USING (sku)`

/** Products of a category, or of all, whose name or category has the words. */
export async function findProducts(
  database: Queryable,
  category: string,
  words: string,
): Promise<Product[]> {
  const rows = await database.query<ProductRow>(
    `SELECT ${PRODUCT} JOIN store.categories c ON c.slug = p.category
    WHERE ($1 = '' OR p.category = $1) AND ${MATCHES('$2')} ORDER BY p.position`,
    [category, patternOf(words)],
  )
  return rows.map(productOf)
}

export async function productBySku(database: Queryable, sku: string): Promise<Product> {
  const [row] = await database.query<ProductRow>(`SELECT ${PRODUCT} WHERE p.sku = $1`, [sku])
  if (!row) throw unknownSku(sku)
  return productOf(row)
}

/** All categories, with the number of products in them that have the words. */
export function findCategories(database: Queryable, words: string): Promise<Category[]> {
  return database.query<Category & Record<string, unknown>>(
    `SELECT c.name, c.slug, count(p.sku)::int AS count
    FROM store.categories c LEFT JOIN store.products p ON p.category = c.slug AND ${MATCHES('$1')}
    GROUP BY c.slug ORDER BY c.position`,
    [patternOf(words)],
  )
}

/** The stock of each, in the order they are asked for. */
export async function stockOf(
  database: Queryable,
  skus: readonly string[],
): Promise<{ sku: string; stock: number; category: string }[]> {
  const rows = await database.query<{ sku: string; stock: number; category: string }>(
    `SELECT s.sku, s.pieces AS stock, p.category FROM store.stock s JOIN store.products p USING (sku) WHERE s.sku = ANY($1::text[])`,
    [skus],
  )
  const bySku = new Map(rows.map((row) => [row.sku, row]))
  return skus.map((sku) => {
    const row = bySku.get(sku)
    if (!row) throw unknownSku(sku)
    return row
  })
}

export async function checkCategory(database: Queryable, slug: string): Promise<void> {
  const [row] = await database.query('SELECT FROM store.categories WHERE slug = $1', [slug])
  if (!row)
    throw new HttpError(404, 'UNKNOWN_CATEGORY', `There is no category ${JSON.stringify(slug)}`)
}

export function unknownSku(sku: string): HttpError {
  return new HttpError(404, 'UNKNOWN_SKU', `There is no product ${JSON.stringify(sku)}`)
}

function MATCHES(value: string): string {
  return `(p.name ILIKE ${value} OR c.name ILIKE ${value} OR p.sku ILIKE ${value})`
}

/** For LIKE: the words somewhere, and none of them a wildcard. */
function patternOf(words: string): string {
  return `%${words
    .trim()
    .replaceAll(/[\\%_]/g, '\\$&')
    .split(/\s+/)
    .join('%')}%`
}

function productOf({ hue, shape, ...product }: ProductRow): Product {
  return { ...product, art: { hue, shape } }
}
