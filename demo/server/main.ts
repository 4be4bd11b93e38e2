import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createApp, type App } from './app.js'

// A database that doesn't answer isn't waited for any longer: what is committed stays.
const PATIENCE = 3_000

/** The demo: `PORT=5001 node main.js`. Ends with exit code 2 and one line when it can't listen. */
const servers: Server[] = []
let app: App | undefined
try {
  const { handle } = (app = createApp())
  const port = await listenOnLoopback(portOf(process.env['PORT']), () => createServer(handle))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, close)
  console.log(`The demo is on http://localhost:${port} (Ctrl-C ends it)`)
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 2
  close()
}

/** At once: streams have no end of their own to wait for. */
function close(): void {
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
  if (!app) return
  void app.close()
  setTimeout(() => process.exit(), PATIENCE).unref()
}

function portOf(text = ''): number {
  if (text === '') return 5000
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text)
  throw new Error(`PORT must be a number from 0 (any free one) to 65535: ${JSON.stringify(text)}`)
}

/** On both loopback addresses, because `localhost` may mean either. Returns the port. */
async function listenOnLoopback(wanted: number, create: () => Server): Promise<number> {
  for (let tries = 0; ; tries++) {
    const port = await listen(create(), wanted, '127.0.0.1')
    try {
      await listen(create(), port, '::1')
      return port
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // No IPv6 here.
      if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return port
      // The port that was free on one address is taken on the other: when any will do, there are others.
      if (code !== 'EADDRINUSE' || wanted !== 0 || tries === 9) throw explained(error, port)
      servers.pop()?.close()
    }
  }
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(host === '::1' ? error : explained(error, port)))
    server.listen(port, host, () => {
      servers.push(server)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

function explained(error: unknown, port: number): Error {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EACCES')
    return new Error(
      `Port ${port} needs special rights here: choose another with PORT=5001 npm start`,
    )
  if (code !== 'EADDRINUSE') return new Error(`Can't listen on port ${port}: ${message}`)
  const airPlay =
    process.platform === 'darwin'
      ? ' (on macOS, AirPlay Receiver holds 5000 and 7000: System Settings, General, AirDrop & Handoff)'
      : ''
  return new Error(`Port ${port} is in use: choose another with PORT=5001 npm start${airPlay}`)
}
