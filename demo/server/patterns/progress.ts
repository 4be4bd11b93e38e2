import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { SseItem, sendSse } from 'server-sent/node'
import { largeFile, log } from '../files.js'
import type { Handler } from '../http.js'

export const progress: Handler = (req, res) =>
  sendSse(req, res, ({ signal }) => hashing(signal), { reconnect: false })

async function* hashing(signal: AbortSignal) {
  const { path, size } = await largeFile()
  const hash = createHash('sha3-512')
  let [done, percent] = [0, 0]
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, signal })) {
      hash.update(chunk)
      done += chunk.length
      if ((done / size) * 100 < percent + 1) continue
      yield new SseItem({ percent: ++percent, done, size }, { event: 'progress' })
    }
    yield new SseItem({ digest: hash.digest('hex') }, { event: 'done' })
  } finally {
    if (signal.aborted) log(`hashing: cancelled at ${percent} %`)
  }
}
