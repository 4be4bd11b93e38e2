// The engines that are compared, and what each needs around it: { title, missing?, start(folder) -> { options, stop } }.
// `options` go to the processes of a trial as JSON; engineOf() makes the engine of them there.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'

const redisServer = ['redis-server', '/usr/bin/redis-server'].find((path) => spawnSync(path, ['--version']).status === 0)
const missingRedis = redisServer ? undefined : 'redis-server is not installed: apt-get install redis-server'

const redis = (title, client, fsync) => ({
  title,
  missing: missingRedis ?? (existsSync(new URL('../../dist/engines/redis/index.js', import.meta.url)) ? undefined : 'npm run build'),
  start: (folder) => startRedis(folder, client, fsync),
})

const local = (title, options) => ({
  title,
  start: (folder) => ({ options: { ...options, path: folder }, stop: async () => {} }),
})

export const stores = {
  memory: local('memory', { engine: 'memory' }),
  disk: local('disk, every answer synced', { engine: 'disk', durability: 'fsync' }),
  'disk-process': local("disk, `durability: 'process'`", { engine: 'disk', durability: 'process' }),
  'redis-always': redis('Redis, `appendfsync always`', 'redis', 'always'),
  redis: redis('Redis, `appendfsync everysec`', 'redis', 'everysec'),
  ioredis: redis('Redis by ioredis, `everysec`', 'ioredis', 'everysec'),
}

async function startRedis(folder, client, fsync) {
  const port = await freePort()
  const args = ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes', '--appendfsync', fsync]
  const child = spawn(redisServer, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const ended = once(child, 'close')
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (said += text))
  while (!said.includes('Ready to accept connections')) {
    if (child.exitCode !== null) throw new Error(`redis-server has ended: ${said}`)
    await setTimeout(20)
  }
  return {
    options: { engine: 'redis', client, url: `redis://127.0.0.1:${port}` },
    async stop() {
      process.off('exit', kill)
      kill()
      await ended
    },
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

/** In a trial's process: the engine, and whether others may share its store. */
export async function engineOf({ engine, path, durability, client, url }) {
  if (engine === 'memory') return (await import('../../dist/engines/memory.js')).memoryEngine()
  if (engine === 'disk') return (await import('../../dist/engines/disk/index.js')).diskEngine({ path, durability })
  const { redisEngine } = await import('../../dist/engines/redis/index.js')
  if (client === 'ioredis') {
    const { Redis } = await import('ioredis')
    return redisEngine({ client: new Redis(url) })
  }
  const { createClient } = await import('redis')
  return redisEngine({ client: await createClient({ url }).on('error', console.error).connect() })
}
