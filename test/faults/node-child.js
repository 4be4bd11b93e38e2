// One node of a hub: hub.fetch on a port of its own, and /live with the keep-alive that a test wants. Started and killed by nodes.ts.
import { createServer } from 'node:http'
import { createHub, pattern } from 'server-sent/hub'
import { nodeHandler, sendSse } from 'server-sent/node'

const { store, driver, port, publishTimeout, timeout, keepAlive, history } = JSON.parse(process.argv[2])

const hub = createHub({
  engine: await openEngine(),
  authorize: () => ({ read: pattern('**'), write: pattern('**') }),
  topics: { '**': { history } },
  publishTimeout,
  onError: (error) => console.error(error),
})
// One that can't begin ends, and whoever has started it starts it again.
await hub.ready
const handle = nodeHandler(hub)
const server = createServer((req, res) => {
  const url = new URL(req.url, 'http://node')
  if (url.pathname !== '/live') return void handle(req, res)
  const subscription = hub.subscribe(url.searchParams.getAll('topic'), { from: url.searchParams.get('from') ?? 'now' })
  sendSse(req, res, subscription, { keepAlive }).catch((error) => {
    console.error(error)
    res.destroy()
  })
})
// A connection that is ended just as a request comes on it would be a fault that no test has asked for.
server.keepAliveTimeout = 0
server.listen(port, '127.0.0.1', () => console.log(`Listening on http://127.0.0.1:${server.address().port}`))
// With the test's process, whatever ended that.
process.stdin.resume().on('end', () => process.exit())

async function openEngine() {
  if (store.startsWith('disk:')) {
    const { diskEngine } = await import('server-sent/engines/disk')
    return diskEngine({ path: store.slice(5) })
  }
  const { redisEngine } = await import('server-sent/engines/redis')
  return redisEngine({ client: await createClient(), timeout })
}

async function createClient() {
  if (driver === 'ioredis') {
    const { Redis } = await import('ioredis')
    return new Redis(store, { lazyConnect: true })
  }
  const { createClient } = await import('redis')
  return createClient({ url: store })
}
