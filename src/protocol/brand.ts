// Registered symbols, so that two copies of this package in one program understand each other. Apart from the classes that bear
// them, so that a parser is bundled without the checks of `new SseItem()`.
export const ITEM: unique symbol = Symbol.for('server-sent.item') as never
export const JSON_DATA: unique symbol = Symbol.for('server-sent.json') as never
export const NAMED: unique symbol = Symbol.for('server-sent.named') as never

export function isBranded(value: unknown, brand: symbol): value is object {
  return typeof value === 'object' && value !== null && brand in value
}
