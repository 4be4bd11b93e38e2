import { find, write } from './dom.js'
import type { LiveState } from './live.js'
import { mention, say } from './say.js'
import type { Customer } from './session.js'

let told: LiveState['name'] | undefined

/** Says in the head of the page how near to now it is. `what` may be old; nothing, when nothing is shown yet. */
export function showLive(state: LiveState, what: string): void {
  // A shop that is being set up is no connection that was lost.
  const name = state.name === 'unavailable' && state.error.code === 'STORE_OPENING' ? 'opening' : state.name
  const old = what && `, showing the last known ${what}`
  const words: Record<LiveState['name'], string> = {
    opening: 'Connecting',
    live: 'Live',
    reconnecting: `Reconnecting${old}`,
    paused: 'Paused',
    asking: 'Updated every 3 seconds',
    unavailable: `${state.name === 'unavailable' && state.error.status === 503 ? 'Shop closed' : 'No connection'}${old}`,
    failed: 'Not connected',
    stopped: 'Signed out',
  }
  const pill = find('#live')
  pill.dataset['state'] = name
  pill.title = name === 'asking' ? 'Other windows of the shop have the live connections; close or hide one, and this one is live too' : ''
  write(find('#live .state'), words[name])
  const isNews =
    name === 'reconnecting' || name === 'unavailable' || (name === 'live' && (told === 'reconnecting' || told === 'unavailable'))
  if (isNews && told !== name) mention('Connection', words[name].toLowerCase())
  if (isNews || name === 'live') told = name
}

/**
 * Says why there is nothing yet. A server that is slow to answer may be setting up its database, or it may just be far away: `isKnown`
 * when it has said which.
 */
export function showSetup(isIt: boolean, isKnown = false): void {
  const setup = find('#setup')
  const isNews = isIt && setup.hidden
  write(find('#setup-title'), isKnown ? 'Setting up the shop’s database' : 'Opening the shop')
  write(
    find('#setup-text'),
    isKnown ? 'This happens once, and takes a few seconds.' : 'The very first visit sets up its database, which takes a few seconds.',
  )
  setup.hidden = !isIt
  if (isNews) say(`${find('#setup-title').textContent}. ${find('#setup-text').textContent}`)
}

/** Says why there is nothing at all. Returns whether it is the shop that is closed. */
export function writeProblem({ name, error }: Extract<LiveState, { readonly error: unknown }>): boolean {
  const isClosed = error.status === 503
  const rest = name === 'unavailable' ? ' We keep trying.' : ''
  const title = isClosed
    ? 'The shop is closed for a moment'
    : error.status === 0
      ? 'The shop can’t be reached'
      : 'Something is wrong at the shop'
  const isNews = write(find('#problem-title'), title)
  write(find('#problem-text'), error.status === 0 ? `Perhaps the network is away.${rest}` : `${error.message}.${rest}`)
  // Each new try that fails is none.
  if (isNews || find('#problem').hidden) say(`${title}. ${find('#problem-text').textContent}`)
  return isClosed
}

/** The link to the orders, with the name of who is signed in. */
export function showCustomer(customer: Customer | null): void {
  write(find('#customer'), customer ? `, ${customer.name}` : '')
}
