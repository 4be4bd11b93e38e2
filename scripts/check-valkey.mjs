// Runs all tests of the Redis engine, the faults among them, with Valkey in the place of Redis.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { tool } from './lib/process.mjs'

const path =
  process.env['VALKEY_SERVER'] ??
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'valkey-server'))
    .find((file) => existsSync(file))

if (path) {
  process.env['REDIS_SERVER'] = path
  await tool('vitest', ['run', 'src/engines/redis', 'test/faults', 'test/hub/nodes-on-redis', 'test/cli/redis'], {
    show: true,
    timeout: 1_800_000,
  })
} else {
  // Not an error in CI: not every system has it. Debian 12 has it in its backports.
  console.warn('NO VALKEY-SERVER FOUND, LEFT OUT: the tests of the Redis engine with Valkey. Install it, or set VALKEY_SERVER to its path')
}
