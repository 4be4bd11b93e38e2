import type { Stock } from '../../server/store/events.js'
import { bytes } from '../format.js'
import { ask } from './api.js'
import { find, write } from './dom.js'
import { count } from './words.js'

const EVERY = 1_000
/** How many products one question may name. */
const MOST = 60

interface Check {
  readonly items: readonly { readonly sku: string; readonly stock: number }[]
}

export interface PollPanel {
  /** A change has come by the stream, in so many characters. */
  came(stock: Stock, size: number): void
  /** The stream was opened, or opened anew. */
  opened(): void
}

/**
 * What the same page would cost if it asked once a second. The stream's side is counted; the asking side is reckoned from the size of one
 * real answer, unless it is switched on: then it is real, too.
 */
export function createPollPanel(followed: () => readonly string[]): PollPanel {
  const panel = find<HTMLDetailsElement>('#poll')
  const really = find<HTMLInputElement>('#poll-really')
  const begun = Date.now()
  const came = { streams: 0, events: 0, bytes: 0 }
  const asked = { requests: 0, changes: 0, late: 0 }
  let answerSize: number | undefined
  let polling: ReturnType<typeof setTimeout> | undefined
  /** When the stream has told of a change that asking has not seen yet. */
  const waiting = new Map<string, number>()
  const seen = new Map<string, number>()

  panel.ontoggle = () => {
    if (panel.open && answerSize === undefined) void check().catch(() => {})
    show()
  }
  really.onchange = () => {
    clearTimeout(polling)
    waiting.clear()
    seen.clear()
    Object.assign(asked, { requests: 0, changes: 0, late: 0 })
    if (really.checked) void poll()
    show()
  }
  setInterval(show, EVERY)

  async function poll(): Promise<void> {
    const due = Date.now() + EVERY
    if (!document.hidden) {
      try {
        for (const { sku, stock } of await check()) {
          const before = seen.get(sku)
          seen.set(sku, stock)
          if (before === undefined || before === stock) continue
          asked.changes++
          asked.late += Math.max(0, Date.now() - (waiting.get(sku) ?? Date.now()))
          waiting.delete(sku)
        }
      } catch {
        // Counted all the same: it was asked.
      }
    }
    if (really.checked) polling = setTimeout(() => void poll(), Math.max(0, due - Date.now()))
    show()
  }

  async function check(): Promise<Check['items']> {
    const skus = followed()
    const questions = Array.from({ length: parts() }, (_, part) => skus.slice(part * MOST, (part + 1) * MOST))
    const answers = await Promise.all(
      questions.map(async (some) => {
        asked.requests++
        const path = `/api/inventory/check?${new URLSearchParams(some.map((sku) => ['sku', sku])).toString()}`
        const answer = await ask<Check>(path, { patience: 5_000 })
        // Head and body, as the browser counts them; nothing where it doesn't tell.
        const entry = performance.getEntriesByName(new URL(path, location.href).href).at(-1) as PerformanceResourceTiming | undefined
        return { items: answer.items, size: entry?.transferSize || JSON.stringify(answer).length }
      }),
    )
    performance.clearResourceTimings()
    answerSize = answers.reduce((sum, { size }) => sum + size, 0) / Math.max(1, answers.length)
    return answers.flatMap(({ items }) => items)
  }

  function parts(): number {
    return Math.ceil(followed().length / MOST)
  }

  function show(): void {
    if (!panel.open) return
    const seconds = Math.floor((Date.now() - begun) / 1_000)
    const isReal = really.checked
    const requests = isReal ? asked.requests : seconds * parts()
    write(find('#poll-requests'), count(requests, 'request'))
    write(find('#poll-bytes'), answerSize ? `about ${bytes(requests * answerSize)}` : '–')
    write(
      find('#poll-news'),
      isReal
        ? asked.changes === 0
          ? 'no change so far'
          : `${count(asked.changes, 'change')}, ${Math.round(asked.late / asked.changes)} ms later on average`
        : 'up to a second late',
    )
    write(find('#poll-what'), isReal ? 'Asking once a second, now' : `Asking once a second, for ${count(seconds, 'second')}`)
    write(find('#stream-requests'), count(came.streams, 'request'))
    write(find('#stream-bytes'), `about ${bytes(came.bytes)}`)
    write(find('#stream-news'), came.events === 0 ? 'no change so far' : `${count(came.events, 'change')}, as they happened`)
  }

  return {
    opened: () => void came.streams++,
    came(stock, size) {
      came.events++
      came.bytes += size
      if (really.checked && !waiting.has(stock.sku)) waiting.set(stock.sku, Date.now())
    },
  }
}
