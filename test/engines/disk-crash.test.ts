import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { setTimeout as wait } from 'node:timers/promises'
import { diskEngine } from 'server-sent/engines/disk'
import { pattern } from 'server-sent/hub'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { newFolder, removeFolders } from '../helpers/folders.js'
import { when } from '../helpers/servers.js'

const CHILD = fileURLToPath(new URL('disk-child.js', import.meta.url))
const ROUNDS = 5
// Before it is killed a writer has had so many acknowledged, in turn: just the first, or several batches.
const LEAST = [1, 200]

afterAll(removeFolders)

interface Writer {
  readonly child: ChildProcess
  /** How many lines have come. */
  readonly count: () => number
  /** All that it has said. */
  readonly said: Promise<string>
}

function start(...args: string[]): Writer {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  let count = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
    count += text.split('\n').length - 1
  })
  return { child, count: () => count, said: once(child.stdout, 'end').then(() => said) }
}

test.each([
  ['one process', 'fsync', 1],
  ['one process that does not wait for the disk', 'process', 1],
  ['two processes on one store', 'fsync', 2],
] as const)('what was acknowledged outlives kill -9: %s', async (_, durability, count) => {
  const path = newFolder()
  const acknowledged = new Map<number, string>()
  let epoch: string | undefined
  for (let round = 0; round < ROUNDS; round++) {
    const writers = Array.from({ length: count }, (_, writer) => start(path, durability, `${round}/${writer}`))
    await when(
      () => writers.every((writer) => writer.count() >= (LEAST[round % 2] as number)),
      () => `${LEAST[round % 2]} lines of each writer: ${writers.map((writer) => writer.count()).join()}`,
    )
    await wait(Math.random() * 150)
    for (const { child } of writers) child.kill('SIGKILL')
    const lines = (await Promise.all(writers.map(({ said }) => said))).flatMap((said) => said.split('\n').slice(0, -1))
    for (const line of lines) {
      const [, seq = '', rest = ''] = /^(\d+) (.*)$/.exec(line) ?? []
      expect(acknowledged.get(Number(seq)), `number ${seq} was given twice`).toBeUndefined()
      acknowledged.set(Number(seq), rest)
    }

    const engine = diskEngine({ path, durability })
    const opened = await engine.open()
    epoch ??= opened.epoch
    expect(opened.epoch).toBe(epoch)
    const { items, trimmed, head } = await engine.read([pattern('**')], 0, { limit: 1e9, bytes: 1e12 })
    expect(items.findIndex(({ seq }, at) => seq !== at + 1)).toBe(-1)
    expect([trimmed, head]).toEqual([0, items.length])
    const lost = [...acknowledged].filter(([seq, said]) => {
      const item = items[seq - 1]
      return `${item?.topic} ${item?.fields.data}` !== said
    })
    expect(lost).toEqual([])

    // A client that has not heard the answer asks again: whether it was stored or not, it is there once.
    const [seq, said = ''] = [...acknowledged].at(-1) ?? []
    const [, topic = '', data = ''] = /^(\S+) (.*)$/.exec(said) ?? []
    expect((await engine.append(topic, { data }, { history: {}, idempotencyKey: data }))?.seq).toBe(seq)
    expect(new Set(items.map(({ fields }) => fields.data)).size).toBe(items.length)
    await engine.close()
  }
  expect(acknowledged.size).toBeGreaterThan(2 * 200)
})
