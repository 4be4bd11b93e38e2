const buffer = (globalThis as { Buffer?: { byteLength(text: string): number } }).Buffer

/** How many bytes a text takes as UTF-8. */
export function byteLength(text: string): number {
  return buffer ? buffer.byteLength(text) : new TextEncoder().encode(text).length
}

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** So many random letters and digits. */
export function randomName(length: number): string {
  // 248 is the largest multiple of 62 in a byte: with the rest some letters would come more often.
  const usable = Array.from(crypto.getRandomValues(new Uint8Array(4 * length))).filter((byte) => byte < 248)
  const name = usable.slice(0, length).map((byte) => ALPHABET[byte % 62])
  return name.length === length ? name.join('') : randomName(length)
}

/** A number for a text, of 53 bits, spread well; not for secrets (cyrb53's way of mixing two lanes). */
export function hashOf(text: string): number {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    a = Math.imul(a ^ code, 0x9e3779b1)
    b = Math.imul(b ^ code, 0x5f356495)
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35)
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  return 0x100000000 * (0x1fffff & b) + (a >>> 0)
}
