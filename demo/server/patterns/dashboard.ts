import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { sendSse } from 'server-sent/node'
import type { Handler } from '../http.js'

export const dashboard: Handler = (req, res) => sendSse(req, res, ({ signal }) => samples(signal))

async function* samples(signal: AbortSignal) {
  const resolution = 10
  const loop = monitorEventLoopDelay({ resolution })
  loop.enable()
  try {
    for (;;) {
      const [begun, used] = [performance.now(), process.cpuUsage()]
      await setTimeout(1_000, undefined, { signal })
      const { user, system } = process.cpuUsage(used)
      const cpu = (user + system) / 10 / (performance.now() - begun)
      const delay = Math.max(0, loop.percentile(99) / 1e6 - resolution)
      yield { cpu, memory: process.memoryUsage.rss(), delay }
      loop.reset()
    }
  } finally {
    loop.disable()
  }
}
