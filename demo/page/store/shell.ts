import { find, write } from './dom.js'
import type { LiveState } from './live.js'
import { mention } from './say.js'
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
    unavailable: `No connection${old}`,
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

/** The link to the orders, with the name of who is signed in. */
export function showCustomer(customer: Customer | null): void {
  write(find('#customer'), customer ? `, ${customer.name}` : '')
}
