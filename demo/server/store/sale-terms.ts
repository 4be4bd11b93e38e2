/** What the flash sale sells, for how much, and how many. */
export const SALE_SKU = 'AUD-001'
export const SALE_PRICE = 7_900
export const SALE_PIECES = 50
