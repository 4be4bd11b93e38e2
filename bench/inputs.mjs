// What the benchmarks read and write. No dependencies: test/bench-inputs.test.ts checks it too.

const SHAPES = ['data', 'event+data+id']
const SIZES = [30, 200, 5000]
const CHUNK = 16_384

// About as much work in each trial, so that small items don't drown in the timer's resolution.
const COUNTS = { 30: 8000, 200: 4000, 5000: 1000 }

/** Every case as plain data, so that it can be handed to a child process. */
export const cases = [
  ...['text', 'bytes'].flatMap((fed) =>
    ['16 KB', 'one item'].flatMap((chunks) => each((shape, size) => ({ job: 'parse', fed, chunks, shape, size }))),
  ),
  ...each((shape, size) => ({ job: 'format', shape, size })),
]

function each(make) {
  return SHAPES.flatMap((shape) => SIZES.map((size) => make(shape, size)))
}

export function itemsOf({ shape, size }) {
  return Array.from({ length: COUNTS[size] }, (_, index) => {
    // Each one different, and none a repetition that a cache or a rope could profit from.
    let data = `{"n":${index},"text":"`
    while (data.length < size) data += `${((index + data.length) * 2_654_435_761) % 1_000_003} bpm, `
    data = data.slice(0, size)
    return shape === 'data' ? { data } : { data, event: 'tick', id: String(index) }
  })
}

/** As any server would write it, without the code under test. */
export function frameOf({ data, event, id }) {
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${data}\n${id === undefined ? '' : `id: ${id}\n`}\n`
}

export function chunksOf({ fed, chunks, ...rest }) {
  const encoder = new TextEncoder()
  const frames = itemsOf(rest).map((item) => encoder.encode(frameOf(item)))
  const parts = chunks === 'one item' ? frames : cut(Buffer.concat(frames))
  // Decoded, as strings from a network are: one that was put together from pieces would be flattened by who reads it first.
  return fed === 'bytes' ? parts : parts.map((part) => new TextDecoder().decode(part))
}

function cut(bytes) {
  return Array.from(
    { length: Math.ceil(bytes.length / CHUNK) },
    (_, index) => new Uint8Array(bytes.subarray(index * CHUNK, (index + 1) * CHUNK)),
  )
}

/** Of all fields of all items; who delivers others, or fewer, gets another one. */
export function checksumOf(items) {
  let hash = 0x811c9dc5
  for (const { data, event = 'message', id = '' } of items) {
    for (const field of [event, id, data]) {
      for (let at = 0; at < field.length; at++) hash = Math.imul(hash ^ field.charCodeAt(at), 0x01000193)
      // So that no character can move from one field into the next.
      hash = Math.imul(hash ^ 0x110000, 0x01000193)
    }
  }
  return `${items.length}:${(hash >>> 0).toString(16)}`
}
