import { setTimeout } from 'node:timers/promises'
import { SseItem, defineEvents, sendSse, unchecked } from 'server-sent/node'
import { formatItem } from 'server-sent/protocol'
import { EVERY, heartRate } from './heart.js'
import { HttpError, type Handler } from './http.js'

const NAMES = ['heartRate', 'alarm', 'battery']

// snippet: vitals
type Level = 'low' | 'normal' | 'high'

const events = defineEvents({
  heartRate: unchecked<number>(),
  alarm: unchecked<{ level: Level; rate: number }>(),
  battery: unchecked<{ percent: number }>(),
})

// `/vitals` has all of them, `/vitals?events=alarm,battery` these two.
export const vitals: Handler = (req, res) => {
  const wanted = wantedEvents(req.url)
  return sendSse(req, res, ({ signal }) => chosen(wanted, signal), { retry: 5_000 })
}

async function* measured(signal: AbortSignal) {
  let level: Level | undefined
  for (let round = 0; ; round++) {
    const rate = heartRate()
    yield events.item('heartRate', rate)
    if (level !== (level = levelOf(rate))) yield events.item('alarm', { level, rate })
    if (round % 5 === 0) yield events.item('battery', { percent: charge() })
    await setTimeout(EVERY, undefined, { signal })
  }
}

async function* chosen(wanted: Set<string>, signal: AbortSignal) {
  let leftOut = 0
  for await (const item of measured(signal)) {
    if (wanted.has(item.event)) yield item
    else leftOut += formatItem(item).length
    // No listener sees a comment. This page shows it as the bytes saved.
    if (leftOut > 0 && item.event === 'battery') {
      yield new SseItem(undefined, { comment: `left out ${leftOut}` })
    }
  }
}
// end

function wantedEvents(url = ''): Set<string> {
  const listed = new URLSearchParams(url.split('?')[1]).get('events')
  if (listed === null) return new Set(NAMES)
  const names = listed.split(',').filter((name) => name !== '')
  const unknown = names.find((name) => !NAMES.includes(name))
  if (unknown === undefined) return new Set(names)
  throw new HttpError(
    400,
    'UNKNOWN_EVENT',
    `\`events\` may list ${NAMES.join(', ')}: ${JSON.stringify(unknown.slice(0, 100))}`,
  )
}

function levelOf(rate: number): Level {
  if (rate >= 92) return 'high'
  return rate <= 66 ? 'low' : 'normal'
}

/** From full to 10 % in an hour and a half; then somebody plugs it in. */
function charge(): number {
  return 100 - (Math.floor(Date.now() / 60_000) % 90)
}
