import { SseError } from '../../errors.js'
import { codeOf, messageOf } from './scripts.js'

const AWAY = 'Redis is away'

/** What Redis says before it does anything: nothing was stored. */
const REFUSED: Readonly<Record<string, string>> = {
  OOM: 'Its memory is full: raise `maxmemory`, or keep less history (`history` of the topics)',
  READONLY: 'It is a replica: the client must lead to the master',
  MISCONF: 'It refuses to write since it fails to save to its disk: mend that, then publish again',
  LOADING: 'It is still loading its data',
  MASTERDOWN: 'It is a replica without its master: the client must lead to the master',
  NOREPLICAS: 'It refuses to write while it has fewer replicas than `min-replicas-to-write`',
  BUSY: 'It is busy with a script of somebody else',
  CLUSTERDOWN: 'Its cluster is down',
  MOVED: "The slot of the hub's name is on another node of the cluster: the client must lead there",
  NOAUTH: 'It wants a password: give it to the client',
  WRONGPASS: "It doesn't take the client's password",
  NOPERM: "Its access rules (ACL) don't let the client's user do that",
  NOSCRIPT: 'It has forgotten the script, again and again',
}

/** Whether another server, or this one a little later, may do it. */
export function isPassing(error: unknown): boolean {
  return ['READONLY', 'LOADING', 'MASTERDOWN', 'CLUSTERDOWN'].includes(codeOf(error))
}

/** Whether Redis has answered that it does nothing. */
export function isRefusal(error: unknown): boolean {
  return codeOf(error) in REFUSED
}

export function away(what: string, reason: unknown): SseError {
  return new SseError('SSE_ENGINE', `${what}: ${AWAY}${reason === undefined ? '' : ` (${oneLine(reason)})`}`, { cause: reason })
}

export function notStored(reason: unknown): SseError {
  const remedy = REFUSED[codeOf(reason)]
  if (!remedy) return away('The item is not stored', reason)
  return new SseError('SSE_ENGINE', `The item is not stored: Redis refused it. ${remedy} (${oneLine(reason)})`, { cause: reason })
}

export function maybeStored(reason: unknown): SseError {
  return new SseError(
    'SSE_MAYBE_STORED',
    `The item may be stored: Redis was given it and didn't answer (${oneLine(reason)}). Repeat with the same \`idempotencyKey\``,
    { cause: reason },
  )
}

/** Of anything but an append. */
export function failed(what: string, reason: unknown): SseError {
  if (reason instanceof SseError) return reason
  const remedy = REFUSED[codeOf(reason)]
  return new SseError('SSE_ENGINE', `${what}: ${remedy ? `${remedy} (${oneLine(reason)})` : oneLine(reason)}`, { cause: reason })
}

function oneLine(reason: unknown): string {
  return messageOf(reason).replace(/\s+/g, ' ').slice(0, 300)
}
