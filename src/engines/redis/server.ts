import { SseError } from '../../errors.js'
import type { Connection } from './connection.js'

const OLDEST = 7

/** Whether this is a server that the engine can work with, now. Answers which process it is. @throws Why it isn't one. */
export async function checkServer(connection: Connection): Promise<string> {
  const info = infoOf(await connection.send(['INFO']))
  const version = info['redis_version'] ?? ''
  if (!(Number.parseInt(version, 10) >= OLDEST)) {
    throw new SseError('SSE_ENGINE', `The Redis engine needs Redis ${OLDEST} or newer, this is ${version || 'something else'}`)
  }
  // As Redis says it of commands: that passes.
  if (info['loading'] === '1') throw new Error('LOADING Redis is loading its data')
  if (info['role'] !== 'master') throw new Error('READONLY This is a replica: the hub needs the master')
  warnOf(info)
  return info['run_id'] ?? ''
}

let warned = false

/** What is lost by eviction is told as a gap, but who sets up a store for items wants to keep them. */
function warnOf({ maxmemory_policy: policy = 'noeviction' }: Readonly<Record<string, string>>): void {
  if (warned || policy === 'noeviction') return
  warned = true
  const what = policy.startsWith('allkeys') ? 'items of the hub' : 'idempotency keys of the hub, so that a repeat may be stored twice,'
  console.warn(`Redis has \`maxmemory-policy ${policy}\`: when its memory is full it drops ${what} as it likes. Set it to noeviction`)
}

function infoOf(reply: unknown): Readonly<Record<string, string>> {
  const lines = String(reply).matchAll(/^(\w+):(.*?)\r?$/gm)
  return Object.fromEntries(Array.from(lines, ([, name = '', value = '']) => [name, value]))
}
