import { setTimeout as sleep } from 'node:timers/promises'
import { sse, type SourceContext } from 'server-sent'

export const dynamic = 'force-dynamic'

async function* ticks({ signal }: SourceContext) {
  for (let tick = 1; ; tick++) {
    yield { tick }
    await sleep(100, undefined, { signal })
  }
}

export function GET(request: Request) {
  return sse(ticks, { request })
}
