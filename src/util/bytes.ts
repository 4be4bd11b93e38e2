interface NodeBuffer extends Uint8Array {
  write(text: string, at: number): number
}

// Where there is one: it allocates without zeroing, from a pool, and Node's sockets take it as it is.
const buffer = (globalThis as { Buffer?: { allocUnsafe(size: number): NodeBuffer } }).Buffer
const encoder = /* @__PURE__ */ new TextEncoder()

/** Bytes to be filled: what is in them before is arbitrary. */
export function allocate(size: number): Uint8Array {
  return buffer ? buffer.allocUnsafe(size) : new Uint8Array(size)
}

/** Writes a text as UTF-8 and returns its length; the target must have room. */
export function writeText(target: Uint8Array, at: number, text: string): number {
  return buffer ? (target as NodeBuffer).write(text, at) : encoder.encodeInto(text, target.subarray(at)).written
}
