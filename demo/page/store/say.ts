import { find } from './dom.js'

/** Between two of the sentences that nobody asked for, in milliseconds. */
const BREATH = 6_000
const LISTED = 3

let region: Element | undefined
let quietUntil = 0
let timer: ReturnType<typeof setTimeout> | undefined
const news = new Map<string, string>()

/** Tells screen readers at once: the answer to what somebody did. */
export function say(text: string): void {
  region ??= find('#status')
  // The same words again must be a change.
  region.textContent = region.textContent === text ? `${text}\u00A0` : text
  quietUntil = Date.now() + BREATH
}

/**
 * Tells screen readers when they have had time for the last sentence. Of what came meanwhile, the newest of each subject; beyond three,
 * how many more: a sale changes faster than anybody can listen.
 */
export function mention(subject: string, change: string): void {
  news.delete(subject)
  news.set(subject, change)
  timer ??= setTimeout(tell, Math.max(300, quietUntil - Date.now()))
}

function tell(): void {
  timer = undefined
  if (Date.now() < quietUntil) {
    timer = setTimeout(tell, quietUntil - Date.now())
    return
  }
  const sentences = Array.from(news, ([subject, change]) => `${subject}: ${change}.`)
  news.clear()
  const more = sentences.length - LISTED
  say([...sentences.slice(0, LISTED), ...(more > 0 ? [`And ${more} more ${more === 1 ? 'change' : 'changes'}.`] : [])].join(' '))
}
