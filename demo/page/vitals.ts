import { announce } from './announce.js'
import { createCard, type Card } from './card.js'
import { bytes } from './format.js'
import { LiveStream } from './live-stream.js'

interface Alarm {
  readonly level: 'low' | 'normal' | 'high'
  readonly rate: number
}

/** The card of several events on one connection, with a checkbox for each and a switch: who filters, this page or the server. */
export function createVitals(id: string): Card {
  const root = document.querySelector<HTMLElement>(`#${id}`) as HTMLElement
  const boxes = Array.from(root.querySelectorAll<HTMLInputElement>('[name=event]'))
  const onServer = root.querySelector<HTMLInputElement>('[name=server]') as HTMLInputElement
  const [alarm, battery, traffic] = ['alarm', 'battery', 'traffic'].map((name) => root.querySelector(`.${name}`)) as [
    HTMLElement,
    HTMLElement,
    HTMLElement,
  ]
  let received = 0
  let ignored = 0
  let leftOut = 0

  // snippet: vitals-client
  const stream = new LiveStream(() => (onServer.checked ? `/vitals?events=${wanted()}` : '/vitals'))

  stream.addEventListener('heartRate', ({ data }) => {
    if (wants('heartRate')) card.show({ rate: Number(data), time: new Date() })
  })
  stream.addEventListener('alarm', ({ data }) => {
    if (wants('alarm')) showAlarm(JSON.parse(data) as Alarm)
  })
  stream.addEventListener('battery', ({ data }) => {
    if (wants('battery')) battery.textContent = `${(JSON.parse(data) as { percent: number }).percent} %`
  })
  // end

  const card = createCard(id, stream)

  const { onitem, onwire, onstate } = stream
  stream.onitem = (item) => {
    if (wants(item.type)) return onitem(item)
    ignored += `event: ${item.type}\ndata: ${item.data}\n\n`.length
    showTraffic()
  }
  stream.onwire = (text, direction) => {
    onwire(text, direction)
    if (direction === undefined) received += text.length
    showTraffic()
  }
  stream.onstate = () => {
    // Bytes are counted by connection: each begins with what it has asked for.
    if (stream.state.name === 'connecting') received = ignored = leftOut = 0
    onstate()
    showTraffic()
  }
  stream.oncomment = (text) => {
    leftOut = Number(/^left out (\d+)$/.exec(text)?.[1] ?? leftOut)
    showTraffic()
  }
  for (const box of boxes) box.onchange = () => choose(onServer.checked)
  onServer.onchange = () => choose(true)
  showTraffic()

  function wants(event: string): boolean {
    return boxes.some((box) => box.checked && box.value === event)
  }

  function wanted(): string {
    return boxes
      .filter((box) => box.checked)
      .map((box) => box.value)
      .join(',')
  }

  /** What the server is to send can only be said in a new request. */
  function choose(anew: boolean): void {
    root.dataset['rate'] = wants('heartRate') ? 'on' : 'off'
    if (anew && stream.isStarted) {
      stream.stop()
      stream.start()
    }
    stream.onstate()
  }

  function showAlarm({ level, rate }: Alarm): void {
    alarm.textContent = { low: `Low: ${rate}`, normal: 'None', high: `High: ${rate}` }[level]
    alarm.dataset['level'] = level
    card.plot.mark(rate, new Date())
    card.plot.draw()
    if (level !== 'normal') announce('Alarm', `heart rate ${level}, ${rate}`)
  }

  function showTraffic(): void {
    const [verb, saved] = onServer.checked ? ['left out by the server', leftOut] : ['thrown away by this page', ignored]
    const share = saved === 0 ? '' : ` (${Math.round((100 * saved) / (onServer.checked ? received + saved : received))} %)`
    traffic.textContent = `${bytes(received)} received · ${bytes(saved)} ${verb}${share}`
  }

  return card
}
