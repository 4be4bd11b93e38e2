// A registered symbol, so that two copies of this package in one program understand each other's items. Apart from the classes that
// bear it, so that a parser or sse() is bundled without `new SseItem()` and its checks.
export const ITEM: unique symbol = Symbol.for('server-sent.item') as never

/** `named`: the default event type was given as such. `json`: the data goes out as JSON even when it is a string. */
export type Brand = 'item' | 'named' | 'json'

/** What kind of item a value is, of whichever copy of the package; `undefined` for what is no item. */
export function brandOf(value: unknown): Brand | undefined {
  return (value as { [ITEM]?: Brand } | null | undefined)?.[ITEM]
}
