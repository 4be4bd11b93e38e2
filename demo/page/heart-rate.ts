import { createCard, type Reading } from './card.js'
import { LiveStream } from './live-stream.js'
import { createVitals } from './vitals.js'
import { createWard } from './ward.js'

const EVERY = 2_000

const cards = [
  card('string-item', (show) => {
    // snippet: string-item-client
    // new EventSource('/string-item') gets the same; this shows its wire.
    const stream = new LiveStream('/string-item')
    stream.addEventListener('heartRate', ({ data }) => {
      show({ rate: Number(data.match(/\d+/)), time: new Date() })
    })
    // end
    return stream
  }),
  card('json-item', (show) => {
    // snippet: json-item-client
    const stream = new LiveStream('/json-item')
    stream.addEventListener('heartRate', ({ data }) => {
      const { rate, timestamp } = JSON.parse(data) as { rate: number; timestamp: string }
      show({ rate, time: new Date(timestamp) })
    })
    // end
    return stream
  }),
  card('sse-item', (show) => {
    // snippet: sse-item-client
    const stream = new LiveStream('/sse-item')
    stream.addEventListener('heartRate', ({ data, lastEventId }) => {
      // The id counts readings: it tells when this one was taken.
      show({ rate: Number(data), time: new Date(Number(lastEventId) * EVERY) })
    })
    // end
    return stream
  }),
  createVitals('vitals'),
  createWard('ward'),
]

for (const [name, act] of [
  ['start-all', 'start'],
  ['stop-all', 'stop'],
] as const) {
  document.querySelector(`#${name}`)?.addEventListener('click', () => cards.forEach(({ stream }) => stream[act]()))
}

setInterval(() => cards.forEach((each) => each.tick()), 250)

function card(id: string, connect: (show: (reading: Reading) => void) => LiveStream) {
  const made = createCard(
    id,
    connect((reading) => made.show(reading)),
  )
  return made
}
