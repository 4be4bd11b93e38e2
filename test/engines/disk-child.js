// Appends for ever, with many in flight; says what was acknowledged. Started and killed by disk-crash.test.ts.
import { writeSync } from 'node:fs'
import { diskEngine } from 'server-sent/engines/disk'

const [path, durability, name] = process.argv.slice(2)
const engine = diskEngine({ path, durability })
await engine.open()

await Promise.all(
  Array.from({ length: 64 }, async (_, lane) => {
    const topic = `t/${lane % 7}`
    for (let at = 0; ; at++) {
      const data = `${name} ${lane} ${at}`
      const { seq } = await engine.append(topic, { data }, { history: {}, idempotencyKey: data })
      // Written at once: what the parent can read was acknowledged.
      writeSync(1, `${seq} ${topic} ${data}\n`)
    }
  }),
)
