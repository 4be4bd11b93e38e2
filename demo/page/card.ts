import { announce } from './announce.js'
import { seconds, timeOf } from './format.js'
import type { LiveStream } from './live-stream.js'
import { createPlot, type Plot } from './plot.js'

/** What a card makes of one item. */
export interface Reading {
  readonly rate: number
  readonly time: Date
}

/** What a card needs of a stream. */
export type CardStream = Pick<
  LiveStream,
  'url' | 'state' | 'isStarted' | 'start' | 'stop' | 'reconnectNow' | 'onstate' | 'onitem' | 'onwire'
> & { readonly header?: string }

export interface Card {
  readonly stream: CardStream
  readonly plot: Plot
  show(reading: Reading): void
  /** To be called a few times a second. */
  tick(): void
}

const LOGGED = 100
const WIRE_SHOWN = 6_000
// Longer than any local server needs: most likely other tabs hold all connections.
const LONG_WAIT = 3_000

/** Fills in what all cards have in common, and keeps it true to the stream. */
export function createCard(id: string, stream: CardStream): Card {
  const card = document.querySelector<HTMLElement>(`#${id}`) as HTMLElement
  const template = document.querySelector<HTMLTemplateElement>('#card') as HTMLTemplateElement
  card.querySelector('.about')?.after(template.content.cloneNode(true))
  const filter = card.querySelector('.filter')
  if (filter) card.querySelector('.vital')?.after(filter)
  const part = <E extends HTMLElement = HTMLElement>(name: string): E => card.querySelector(`.${name}`) as E

  const title = part('title').textContent ?? id
  const [start, stop, now] = [part('start'), part('stop'), part('reconnect')]
  const [rate, range, state, empty] = [part('rate'), part('range'), part('state'), part('empty')]
  const plot = createPlot(part('plot'))
  const wire = createWire(part('wire'))
  const log = createLog(part('log'))
  let announced = ''

  start.onclick = () => stream.start()
  stop.onclick = () => stream.stop()
  now.onclick = () => {
    stream.reconnectNow()
    // The button is about to go: the next thing to do must not be somewhere else.
    stop.focus()
  }
  part('endpoint').textContent = stream.url.split('?')[0] ?? ''
  part('log').setAttribute('aria-label', `${title}: events, newest first`)
  part('raw').setAttribute('aria-label', `${title}: the wire`)
  createCopy(part<HTMLButtonElement>('copy'), part('curl'))

  stream.onstate = stateChanged
  stream.onitem = (item) => log.add(item)
  stream.onwire = (text, direction) => wire.add(text, direction)
  stateChanged()

  function show({ rate: value, time }: Reading): void {
    plot.add(value, time)
    rate.textContent = String(value)
    beat(part('dot'))
    describe()
    plot.draw()
  }

  function describe(): void {
    const shown = plot.range()
    range.textContent = shown ? `${shown.low}–${shown.high} in 2 min` : ''
    part('plot').setAttribute(
      'aria-label',
      shown ? `The last two minutes: ${shown.low} to ${shown.high} bpm` : 'The last two minutes: no reading',
    )
  }

  function stateChanged(): void {
    const { name } = stream.state
    card.dataset['state'] = name
    part('curl').textContent = `curl -N ${stream.header ? `-H '${stream.header}' ` : ''}${quoted(`${location.origin}${stream.url}`)}`
    // Not `disabled`: that would take the focus away from whoever has just pressed it.
    start.ariaDisabled = String(stream.isStarted)
    stop.ariaDisabled = String(!stream.isStarted)
    now.hidden = name !== 'reconnecting'
    tick()
    const words = {
      stopped: 'stopped',
      live: 'live',
      paused: '',
      connecting: '',
      reconnecting: `connection lost, ${state.textContent?.toLowerCase()}`,
      failed: state.textContent ?? '',
    }[name]
    // Coming and going with the tab is nobody's news.
    if (words && words !== announced && !(announced === '' && name === 'stopped')) announce(title, (announced = words))
  }

  function tick(): void {
    state.textContent = describeState(stream)
    empty.textContent = describeEmpty(stream)
    // What is drawn moves only while it grows, and while there is something to move.
    if (stream.state.name === 'live' && !matchMedia('(prefers-reduced-motion: reduce)').matches) plot.draw()
  }

  return { stream, plot, show, tick }
}

function describeState({ state }: CardStream): string {
  switch (state.name) {
    case 'stopped':
      return 'Stopped'
    case 'connecting':
      return isShort(state.since) ? 'Connecting' : 'No free connection yet'
    case 'live':
      return 'Live'
    case 'reconnecting':
      return `Reconnecting in ${seconds(state.at - Date.now())}`
    case 'paused':
      return 'Paused while hidden'
    case 'failed':
      return `Failed: ${state.reason}`
  }
}

function describeEmpty({ isStarted, state }: CardStream): string {
  if (!isStarted) return 'No events yet. Start opens one connection.'
  if (state.name !== 'connecting' || isShort(state.since)) return 'Waiting for the first event.'
  return 'Other windows hold the six connections that a browser opens to one host over HTTP/1.1. Stop a stream there.'
}

function isShort(since: number): boolean {
  return Date.now() - since < LONG_WAIT
}

function createLog(list: HTMLElement): { add(item: MessageEvent<string>): void } {
  const rows = list.querySelector('tbody') as HTMLElement
  return {
    add({ type, data, lastEventId }) {
      list.dataset['empty'] = 'false'
      const row = document.createElement('tr')
      for (const text of [timeOf(new Date()), type, lastEventId || '–', data]) row.insertCell().textContent = text
      rows.prepend(row)
      if (rows.childElementCount > LOGGED) rows.lastElementChild?.remove()
    },
  }
}

function createWire(details: HTMLElement): { add(text: string, direction?: '>' | '<'): void } {
  const raw = details.querySelector('pre') as HTMLElement
  return {
    add(text, direction) {
      const following = raw.scrollHeight - raw.scrollTop - raw.clientHeight < 24
      const piece = document.createElement(direction ? 'i' : 'span')
      piece.textContent = direction ? `${direction} ${text}\n` : text
      raw.append(piece)
      for (let length = raw.textContent?.length ?? 0; length > WIRE_SHOWN; length = raw.textContent?.length ?? 0) raw.firstChild?.remove()
      if (following) raw.scrollTop = raw.scrollHeight
    },
  }
}

function createCopy(button: HTMLButtonElement, from: HTMLElement): void {
  button.onclick = async () => {
    await navigator.clipboard.writeText(from.textContent ?? '')
    button.textContent = 'Copied'
    setTimeout(() => (button.textContent = 'Copy'), 1_500)
  }
}

/** One short blink; the style sheet decides whether it moves. */
function beat(dot: HTMLElement): void {
  dot.classList.remove('beat')
  requestAnimationFrame(() => dot.classList.add('beat'))
}

/** For a shell: `?` and `&` mean something there. */
function quoted(url: string): string {
  return /[?&]/.test(url) ? `'${url}'` : url
}
