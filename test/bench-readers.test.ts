import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

// The load generator of bench/fanout.mjs says whether items were lost, doubled or out of order: it has to know each when it sees it.

const able = process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0
const folder = mkdtempSync(join(tmpdir(), 'readers-'))
const program = join(folder, 'readers')

beforeAll(() => {
  if (able) execFileSync('cc', ['-O2', '-o', program, fileURLToPath(new URL('../bench/fanout/readers.c', import.meta.url))])
})
afterAll(() => rmSync(folder, { recursive: true }))

const none = { missing: 0, repeated: 0, disordered: 0, broken: 0, gaps: 0, skipped: 0 }
const gap = 'event: gap\ndata: {"topics":["t0"]}\n\n'

test.skipIf(!able).each([
  ['every item once, in order', [item(1), item(2), item(3)], { items: 3 }],
  ['comments, retry, empty blocks and ids between them', [': hello\n\n', 'retry: 5\n\n', item(1), 'id: x\n\n', item(2)], { items: 2 }],
  [
    'fields with and without a space, lines that end with CRLF',
    [item(1).replace(': ', ':').replaceAll('\n', '\r\n'), item(2)],
    { items: 2 },
  ],
  ['a lost item', [item(1), item(3)], { items: 2, missing: 1 }],
  ['lost first items', [item(3)], { items: 1, missing: 2 }],
  ['a doubled item', [item(1), item(1), item(2)], { items: 3, repeated: 1, disordered: 1 }],
  ['items out of order', [item(2), item(1), item(3)], { items: 3, missing: 1, repeated: 1, disordered: 1 }],
  ['topics out of order among themselves', [item(1, { hub: 2 }), item(1, { hub: 1, topic: 1 })], { items: 2, disordered: 1 }],
  ['a topic that was not asked for', [item(1, { topic: 7 })], { items: 1, broken: 1 }],
  ['an item cut short', [item(1).replace('..', '.')], { items: 0, broken: 1 }],
  ['a gap, and what is missing because of it', [item(1), gap, item(5), item(6)], { items: 3, gaps: 1, skipped: 3 }],
  ['a gap does not excuse what is missing later', [gap, item(3), item(5)], { items: 2, gaps: 1, skipped: 2, missing: 1 }],
] as const)('readers know %s', async (_, blocks, expected) => {
  for (const pieces of [blocks, blocks.join('').split(''), [blocks.join('')]]) {
    expect(await readBy(pieces)).toMatchObject({ ...none, ...expected })
  }
})

function item(number: number, { hub = number, topic = 0 } = {}): string {
  const size = 40
  return `data: ${`${hub} ${topic} ${number} 1 ${size} `.padEnd(size - 1, '.')};\n\n`
}

/** What one reader of t0 and t1 reports of a body in these chunks. */
async function readBy(chunks: readonly string[]): Promise<unknown> {
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
      socket.write(chunks.map((chunk) => `${Buffer.byteLength(chunk).toString(16)}\r\n${chunk}\r\n`).join(''))
      // The end of the body, after which nothing more is read.
      socket.write('0\r\n\r\n')
    })
    socket.on('error', () => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const readers = spawn(program, [String((server.address() as AddressInfo).port), '1', '2', '2', '1', '1'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  try {
    let said = ''
    readers.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    const end = performance.now() + 60_000
    while (performance.now() < end) {
      readers.stdin.write('report\n')
      await once(readers.stdout, 'data')
      const report = said.split('\n').find((line) => line.includes('"closed":1'))
      if (report !== undefined) return JSON.parse(report)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    throw new Error(`no report of the end: ${said}`)
  } finally {
    readers.stdin.end()
    await once(readers, 'exit')
    server.close()
  }
}
