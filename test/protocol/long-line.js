// Run by src/protocol/parse-memory.test.ts in a process of its own: feeds a long stream in tiny chunks and tells how much memory that took.
import { createParser } from '../../dist/protocol/index.js'

const [what, unit, mebibytes] = process.argv.slice(2)
const size = Number(mebibytes) * 2 ** 20

// What is fed over and over, and what ends the item.
const pieces = {
  'a line': { begin: 'data: ', again: 'x', end: '\n\n', step: 1 },
  // In the middle of characters.
  'a line of 日': { begin: 'data: ', again: '日'.repeat(21), end: '\n\n', step: 16 },
  'short data lines': { begin: '', again: 'data: x\n', end: '\n', step: 5 },
}[what]

/** Made beforehand: what is measured is the parser. A string of one character has no memory of its own. */
function chunksOf(text) {
  const whole = unit === 'bytes' ? new TextEncoder().encode(text) : text
  return Array.from({ length: Math.ceil(whole.length / pieces.step) }, (_, index) =>
    whole.slice(index * pieces.step, (index + 1) * pieces.step),
  )
}

let length = 0
const parser = createParser({ onItem: (item) => void (length += item.data.length) })
const [begin, again, end] = [pieces.begin, pieces.again, pieces.end].map(chunksOf)
const before = process.resourceUsage().maxRSS
const began = performance.now()
let fed = 0
for (const chunk of begin) parser.feed(chunk)
while (fed < size) {
  for (const chunk of again) parser.feed(chunk)
  fed += Buffer.byteLength(pieces.again)
}
for (const chunk of end) parser.feed(chunk)
const milliseconds = performance.now() - began
console.log(
  JSON.stringify({ length, fed, milliseconds: Math.round(milliseconds), grown: (process.resourceUsage().maxRSS - before) * 1024 }),
)
