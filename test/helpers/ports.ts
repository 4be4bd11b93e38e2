import { once } from 'node:events'
import { createServer } from 'node:net'

// Below what systems give out by themselves, to `listen(0)` and to the near end of connections: Linux begins at 32768, others later.
const LOWEST = 10_000
const EACH = 2_000
// Test files that run at the same time look in different places.
const PLACE = Number(process.env['VITEST_POOL_ID'] ?? 0) % 11

/**
 * A port for a server that is to be ended and started again: nobody else is given it while the server is away. (One of `listen(0)` may by
 * then be anybody's.)
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + PLACE * EACH + Math.floor(Math.random() * EACH)
    if ((await isFree(port, '127.0.0.1')) && (await isFree(port, '::1'))) return port
  }
}

async function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer()
  try {
    await once(server.listen(port, host), 'listening')
  } catch (error) {
    // No IPv6 here: nobody listens there either.
    return ['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes((error as NodeJS.ErrnoException).code ?? '')
  }
  server.close()
  await once(server, 'close')
  return true
}
