import { createParser, type ParseOptions } from '../../src/protocol/index.js'

export type Chunk = string | Uint8Array

/** One thing a parser told, in the order in which it did. */
export type Told =
  | { readonly item: { data: string; event: string; id: string | undefined; retry: number | undefined; lastEventId: string } }
  | { readonly id: string }
  | { readonly retry: number }
  | { readonly comment: string }

/** A parser under test: all chunks of a stream in, everything told out. */
export type Parse = (chunks: readonly Chunk[]) => Told[]

/** Our parser. It runs to the end of the stream or to an error, which comes last. */
export function record(chunks: readonly Chunk[], options: ParseOptions = {}): (Told | { readonly error: unknown })[] {
  const told: (Told | { readonly error: unknown })[] = []
  const parser = createParser({
    ...options,
    onItem: ({ data, event, id, retry, lastEventId }) => told.push({ item: { data, event, id, retry, lastEventId } }),
    onId: (id) => told.push({ id }),
    onRetry: (retry) => told.push({ retry }),
    onComment: (comment) => told.push({ comment }),
  })
  try {
    for (const chunk of chunks) parser.feed(chunk)
    parser.end()
  } catch (error) {
    told.push({ error: (error as { code?: string }).code ?? error })
  }
  return told
}

export const ours: Parse = (chunks) => record(chunks) as Told[]

/** The items alone. */
export function itemsOf(told: readonly object[]): { data: string; event: string; lastEventId: string }[] {
  return told.flatMap((one) => ('item' in one ? [one.item as never] : []))
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** A stream of what a source yields, as bytes. */
export function toStream(source: AsyncGenerator<Chunk>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await source.next()
        if (done) controller.close()
        else controller.enqueue(typeof value === 'string' ? bytes(value) : value)
      },
      cancel: async () => void (await source.return(undefined)),
    },
    { highWaterMark: 0 },
  )
}

interface Sliceable {
  readonly length: number
  slice(start?: number, end?: number): unknown
}

/** Cuts text, bytes or a list at all the places `at`. */
export function cut<T extends Sliceable>(whole: T, ...at: number[]): T[] {
  const edges = [0, ...at, whole.length]
  return edges.slice(1).map((end, index) => whole.slice(edges[index], end) as T)
}

/** Cuts into pieces of the given sizes, over and over. */
export function cutBySizes<T extends Sliceable>(whole: T, sizes: readonly number[]): T[] {
  const at: number[] = []
  for (let place = 0, turn = 0; place < whole.length; turn++) {
    place += Math.max(1, sizes[turn % sizes.length] ?? 1)
    if (place < whole.length) at.push(place)
  }
  return cut(whole, ...at)
}
