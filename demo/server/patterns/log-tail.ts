import { open } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { SseItem, sendSse } from 'server-sent/node'
import { cursorOf } from '../cursor.js'
import { logFile } from '../files.js'
import type { Handler } from '../http.js'

// The id of a line is where the next one begins: who comes back reads on exactly there.
export const logTail: Handler = (req, res) =>
  sendSse(req, res, async function* ({ lastEventId, signal }) {
    const file = await open(logFile)
    try {
      let place = cursorOf(lastEventId, (await file.stat()).size) ?? 0
      for (const buffer = Buffer.alloc(65_536); ; await setTimeout(250, undefined, { signal })) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, place)
        for (const line of buffer.toString('utf8', 0, bytesRead).split('\n').slice(0, -1)) {
          place += Buffer.byteLength(line) + 1
          yield new SseItem(line, { id: place })
        }
      }
    } finally {
      await file.close()
    }
  })
