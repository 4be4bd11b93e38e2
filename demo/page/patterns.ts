import { announce } from './announce.js'
import { bytes, timeOf } from './format.js'

const LINES = 200
const SAMPLES = 60

// progress

const bar = find<HTMLProgressElement>('#progress progress')
const fact = find('#progress .fact')
const [begin, cancel] = [find('#progress .begin'), find('#progress .cancel')]
let job: EventSource | undefined
let begun = 0

begin.onclick = () => {
  if (job) return
  begun = performance.now()
  bar.value = 0
  const source = new EventSource('/patterns/progress')
  setJob(source, 'Connecting')
  source.onopen = () => showState('progress', 'live', 'Hashing')
  source.onerror = () => showState('progress', 'reconnecting', 'Connection lost: it will begin again')
  listen(source, 'progress', ({ percent, done, size }: { percent: number; done: number; size: number }) => {
    const rate = done / (performance.now() - begun)
    bar.value = percent
    fact.textContent = `${percent} % · ${bytes(rate * 1_000)}/s · ${Math.ceil((size - done) / rate / 1_000)} s left`
  })
  listen(source, 'done', ({ digest }: { digest: string }) => {
    setJob(undefined, 'Done')
    fact.textContent = `SHA3-512 in ${((performance.now() - begun) / 1_000).toFixed(1)} s: ${digest}`
    announce('Progress', 'done')
  })
}

// A job goes on in a hidden tab: it was asked for, and takes one connection.
cancel.onclick = () => {
  if (!job) return
  setJob(undefined, 'Cancelled')
  announce('Progress', 'cancelled')
}

function setJob(next: EventSource | undefined, state: string): void {
  job?.close()
  job = next
  begin.ariaDisabled = String(next !== undefined)
  cancel.ariaDisabled = String(next === undefined)
  showState('progress', next ? 'connecting' : 'stopped', state)
}
setJob(undefined, 'Ready')

// log tail

const tail = find('#log-tail .tail')
let shownLine = 0
follow('log-tail', (source) => {
  source.onmessage = ({ data, lastEventId }: MessageEvent<string>) => {
    // After a restart it is another log.
    if (Number(lastEventId) < shownLine) tail.textContent = ''
    if (Number(lastEventId) === shownLine) return
    shownLine = Number(lastEventId)
    const following = tail.scrollHeight - tail.scrollTop - tail.clientHeight < 24
    tail.append(`${data.replace(/^\S+T(\S+)\.\d+Z/, '$1')}\n`)
    if (tail.childNodes.length > LINES) tail.firstChild?.remove()
    if (following) tail.scrollTop = tail.scrollHeight
  }
})

// notifications

const feed = find('#notifications .feed')
const problem = find('#notifications .fact')
let newest = 0
follow('notifications', (source) => {
  listen(source, 'notification', ({ id, text, at }: { id: number; text: string; at: string }) => {
    if (id <= newest) return
    newest = id
    const time = Object.assign(document.createElement('time'), { dateTime: at, textContent: timeOf(new Date(at)) })
    const line = document.createElement('li')
    line.append(time, text)
    feed.prepend(line)
    if (feed.childElementCount > 20) feed.lastElementChild?.remove()
  })
})

find<HTMLFormElement>('#notifications form').onsubmit = async (event) => {
  event.preventDefault()
  const form = event.currentTarget as HTMLFormElement
  problem.hidden = true
  try {
    const body = JSON.stringify(Object.fromEntries(new FormData(form)))
    const response = await fetch('/patterns/notifications', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
    if (!response.ok) throw new Error(((await response.json()) as { message: string }).message)
    form.reset()
  } catch (error) {
    problem.textContent = `Not sent: ${(error as Error).message}`
    problem.hidden = false
  }
}

// presence

const people = find('#presence .people')
let me = ''
follow('presence', (source) => {
  source.addEventListener('you', ({ data }: MessageEvent<string>) => (me = data))
  listen(source, 'message', (names: string[]) => {
    people.replaceChildren(
      ...names.map((name) => {
        const isMe = name === me
        return Object.assign(document.createElement('li'), { textContent: isMe ? `${name} (you)` : name, className: isMe ? 'you' : '' })
      }),
    )
    find('#presence .fact').textContent = names.length === 1 ? 'Nobody else is here.' : `${names.length} are here.`
  })
})

// dashboard

const gauges = {
  cpu: createGauge('cpu', (value) => [value.toFixed(1), '%'], 10),
  memory: createGauge('memory', (value) => [(value / 1e6).toFixed(0), 'MB'], 100e6),
  delay: createGauge('delay', (value) => [value.toFixed(1), 'ms'], 5),
}
follow('dashboard', (source) => {
  listen(source, 'message', (sample: Record<keyof typeof gauges, number>) => {
    for (const [name, gauge] of Object.entries(gauges)) gauge(sample[name as keyof typeof gauges])
  })
})

function createGauge(name: string, format: (value: number) => [string, string], top: number): (value: number) => void {
  const shown = find(`[data-gauge=${name}]`)
  shown.insertAdjacentHTML(
    'afterend',
    '<svg class="spark" viewBox="0 0 59 44" preserveAspectRatio="none" aria-hidden="true"><polyline/></svg>',
  )
  const line = shown.parentElement?.querySelector('polyline')
  const values: number[] = []
  return (value) => {
    const [number, unit] = format(value)
    shown.replaceChildren(`${number} `, Object.assign(document.createElement('small'), { textContent: unit }))
    values.push(value)
    if (values.length > SAMPLES) values.shift()
    const most = Math.max(top, ...values)
    line?.setAttribute(
      'points',
      values.map((each, index) => `${SAMPLES - values.length + index},${(43 - (42 * each) / most).toFixed(1)}`).join(' '),
    )
  }
}

/**
 * Reads a pattern's stream while the page is visible: a hidden tab would hold one of the six connections that a browser opens per
 * host on HTTP/1.1. Coming back is a new EventSource, which has no last event ID, so `?lastEventId=` tells it.
 */
function follow(id: string, listenTo: (source: EventSource) => void): void {
  let source: EventSource | undefined
  let lastEventId = ''
  const url = (): string => `/patterns/${id}${lastEventId && `?lastEventId=${encodeURIComponent(lastEventId)}`}`

  function update(): void {
    source?.close()
    source = undefined
    if (document.hidden) return showState(id, 'paused', 'Paused while hidden')
    showState(id, 'connecting', 'Connecting')
    source = new EventSource(url())
    source.onopen = () => showState(id, 'live', 'Live')
    source.onerror = () => {
      showState(id, 'reconnecting', 'Reconnecting')
      announce(find(`#${id} .title`).textContent ?? id, 'connection lost, reconnecting')
    }
    for (const event of ['message', 'notification', 'you']) {
      source.addEventListener(event, (item: MessageEvent<string>) => (lastEventId = item.lastEventId))
    }
    listenTo(source)
  }

  update()
  document.addEventListener('visibilitychange', update)
}

function showState(id: string, state: string, words: string): void {
  find(`#${id}`).dataset['state'] = state
  find(`#${id} .state`).textContent = words
}

function listen<T>(source: EventSource, event: string, receive: (data: T) => void): void {
  source.addEventListener(event, ({ data }: MessageEvent<string>) => receive(JSON.parse(data) as T))
}

function find<E extends HTMLElement = HTMLElement>(selector: string): E {
  const element = document.querySelector<E>(selector)
  if (!element) throw new Error(`The page has no ${selector}`)
  return element
}
