// What is compared, and how each is started: a process of its own on a free port of the loopback address.
// Each answers { pid, port, publish(rate, count, size, topics), collect(), stop() }; publish resolves when all items are published.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startNchan } from './nchan.mjs'
import { start } from './processes.mjs'

const hubBuilt = new URL('../../dist/hub/index.js', import.meta.url)
const nchanModule = ['/usr/lib/nginx/modules/ngx_nchan_module.so', '/usr/share/nginx/modules/ngx_nchan_module.so'].find((path) =>
  existsSync(path),
)

export const contenders = {
  'server-sent': {
    title: 'server-sent, a hub with the memory engine',
    missing: existsSync(hubBuilt) ? undefined : 'dist/hub is not built: npm run build',
    start: ({ hub = {} }) => startNode('server-sent.mjs', [JSON.stringify(hub)]),
  },
  'node:http': { title: 'a bare node:http loop of socket.write()', start: () => startNode('bare.mjs') },
  C: { title: 'a C program that only writes', start: ({ writer }) => startServer(writer, []) },
  Nchan: {
    title: 'Nchan, one nginx worker with its memory store',
    missing: nchanModule ? undefined : 'not installed: apt-get install libnginx-mod-nchan nginx-light',
    start: ({ folder }) => startNchan(folder, nchanModule),
  },
  'better-sse': { title: 'better-sse, a channel', start: () => startNode('better-sse.mjs') },
}

function startNode(file, args = []) {
  return startServer(process.execPath, ['--expose-gc', fileURLToPath(new URL(`servers/${file}`, import.meta.url)), ...args], true)
}

async function startServer(command, args, collects = false) {
  const server = start(command, args)
  try {
    const port = Number((await server.said(/^ready /)).split(' ')[1])
    return { pid: server.pid, port, publish, collect, stop: server.stop }
  } catch (error) {
    await server.stop()
    throw error
  }

  async function publish(rate, count, size, topics) {
    server.say(`publish ${rate} ${count} ${size} ${topics}`)
    await server.said(/^published/, { within: 600_000 })
  }

  async function collect() {
    if (!collects) return
    server.say('collect')
    await server.said(/^collected/)
  }
}
