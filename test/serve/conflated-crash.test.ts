import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { diskEngine } from 'server-sent/engines/disk'
import { createHub } from 'server-sent/hub'
import { afterAll, expect, test } from 'vitest'
import { newFolder, removeFolders } from '../helpers/folders.js'

afterAll(removeFolders)

/** Publishes 0, 1, 2 ... under two keys as fast as it can, and says which are acknowledged. */
const PUBLISHER = `
import { createHub } from 'server-sent/hub'
import { diskEngine } from 'server-sent/engines/disk'
const hub = createHub({
  engine: diskEngine({ path: process.argv[1] }),
  topics: { counters: { conflate: { key: ({ data }) => String(Number(data) % 2), interval: 20 } } },
})
await hub.ready
for (let value = Number(process.argv[2]); ; value++) {
  void hub.publish('counters', String(value)).then(() => process.stdout.write(value + '\\n'))
  if (value % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
}
`

test('conflated publishes and kill -9: what was acknowledged, or a newer value, is there, and no value steps back', async () => {
  const path = newFolder()
  // The highest acknowledged of each key.
  const acknowledged = [-1, -1]
  let next = 0
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', PUBLISHER, path, String(next)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    await once(child.stdout, 'data')
    await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 200))
    child.kill('SIGKILL')
    await once(child, 'close')
    for (const value of text.split('\n').slice(0, -1).map(Number)) {
      acknowledged[value % 2] = Math.max(value, acknowledged[value % 2] as number)
      next = Math.max(next, value + 1)
    }
    // Values that were under way may be stored and not acknowledged: the next ones are above them.
    next += 10_000

    const hub = createHub({ engine: diskEngine({ path }) })
    await hub.ready
    const stored: number[] = []
    const end = Number(hub.lastEventId.split('-')[1])
    for await (const { data, id } of hub.subscribe('counters', { from: 'earliest' })) {
      stored.push(Number(data))
      if (Number(id?.split('-')[1]) === end) break
    }
    await hub.close()
    for (const key of [0, 1]) {
      const values = stored.filter((value) => value % 2 === key)
      expect(values).toEqual([...values].sort((a, b) => a - b))
      expect(values.at(-1)).toBeGreaterThanOrEqual(acknowledged[key] as number)
      // Thinned out: most were superseded.
      expect(values.length).toBeLessThan((acknowledged[key] as number) / 4)
    }
  }
})
