import { SseError } from '../../errors.js'
import type { Connection } from './connection.js'
import type { Script } from './scripts.js'

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

// Answers which of these commands the user may not give, for this hub's keys and channels.
const REFUSED = `#!lua flags=no-writes,allow-oom
local P = string.sub(KEYS[1], 1, -5)
local refused = {}
for _, command in ipairs(ARGV) do
  local at = P .. (command == 'PUBLISH' and 'c:a' or 't:a')
  if not redis.acl_check_cmd(command, at, at, at) then
    refused[#refused + 1] = string.lower(command)
  end
end
return refused
`

/**
 * Whether the user may give all commands that these scripts do. Redis asks at each of them, not before: a script that is stopped half-way
 * would leave an item that nobody reads.
 *
 * @throws {SseError} that names those that are refused.
 */
export async function checkRights(connection: Connection, key: string, scripts: readonly Script[]): Promise<void> {
  const commands = new Set(scripts.flatMap(({ text }) => Array.from(text.matchAll(/\bcall\('([A-Z]+)'/g), ([, command = '']) => command)))
  const refused = (await connection.send(['EVAL', REFUSED, '1', key, ...[...commands].sort()])) as readonly string[]
  if (refused.length === 0) return
  const hub = key.slice(0, -'meta'.length)
  throw new SseError(
    'SSE_ENGINE',
    `Redis doesn't let the client's user do what the hub needs (${refused.join(', ')}): give it \`~${hub}* &* +@read +@write +@pubsub +@scripting +info +time +ping\` (ACL)`,
  )
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
