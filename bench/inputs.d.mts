export type Item = { readonly data: string; readonly event?: string; readonly id?: string }
export type Case =
  | {
      readonly job: 'parse'
      readonly fed: 'text' | 'bytes'
      readonly chunks: '16 KB' | 'one item'
      readonly shape: string
      readonly size: number
    }
  | { readonly job: 'format'; readonly shape: string; readonly size: number }
export const cases: readonly Case[]
export function itemsOf(of: { readonly shape: string; readonly size: number }): Item[]
export function frameOf(item: Item): string
export function chunksOf(of: Case & { readonly job: 'parse' }): (string | Uint8Array)[]
export function checksumOf(items: Iterable<Item> & { readonly length: number }): string
