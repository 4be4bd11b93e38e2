/** What .NET's SseItem<string> holds; `undefined` is its null. */
export interface NetItem {
  readonly data: string
  readonly event?: string | undefined
  readonly id?: string | number | bigint | undefined
  readonly retry?: number | undefined
}

const LF = 10
const CR = 13

/**
 * What .NET's SseFormatter writes for an item, byte by byte as it does: into a buffer, with a prefix per line of data. Written from
 * its description, not from our formatter, to judge that by.
 */
export function netFormat(item: NetItem): Uint8Array {
  const out: number[] = []
  if (item.event !== undefined) {
    write(out, 'event: ')
    write(out, item.event)
    out.push(LF)
  }
  writeLinesWithPrefix(out, 'data: ', new TextEncoder().encode(item.data))
  out.push(LF)
  if (item.id !== undefined) {
    write(out, 'id: ')
    write(out, `${item.id}`)
    out.push(LF)
  }
  if (item.retry !== undefined) {
    write(out, 'retry: ')
    write(out, BigInt(item.retry).toString(10))
    out.push(LF)
  }
  out.push(LF)
  return Uint8Array.from(out)
}

function writeLinesWithPrefix(out: number[], prefix: string, data: Uint8Array): void {
  write(out, prefix)
  for (let at = 0; at < data.length; at++) {
    const byte = data[at]!
    if (byte !== CR && byte !== LF) {
      out.push(byte)
      continue
    }
    if (byte === CR && data[at + 1] === LF) at++
    out.push(LF)
    write(out, prefix)
  }
}

function write(out: number[], text: string): void {
  for (const byte of new TextEncoder().encode(text)) out.push(byte)
}
