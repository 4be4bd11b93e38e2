import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { AtEnd } from './servers.js'

/** `up`: from the client to the server behind the proxy; `down`: back. */
type Direction = 'up' | 'down'

export interface Target {
  readonly port: number
  /** @default '127.0.0.1' */
  readonly host?: string
}

/** One connection through the proxy. */
export interface Proxied {
  /** In the order in which they came: 1, 2, 3 ... */
  readonly number: number
  /** What has passed, in bytes. */
  readonly bytes: Readonly<Record<Direction, number>>
  /** Whether this is among the first 64 KiB that the client has sent: what tells connections of one client apart. */
  said(text: string | RegExp): boolean
}

/** Which connections a fault is for, asked for every piece that comes, so that it also holds for those to come. @default all */
type Only = (connection: Proxied) => boolean

export interface FaultProxy {
  readonly port: number
  readonly url: string
  /** Those that are open. */
  readonly connections: readonly Proxied[]
  /** How many there ever were, those that were refused not counted. */
  readonly accepted: number
  readonly refused: number
  /** What has passed, in bytes, over all connections. */
  readonly bytes: Readonly<Record<Direction, number>>
  /** What `swallow()` has dropped, in bytes. */
  readonly swallowed: number

  /** From now on connections lead there; those that are open stay where they are. */
  aim(target: Target): void
  /** Everything takes so many milliseconds, and up to `jitter` more, in each direction; nothing overtakes. */
  latency(time: number, options?: { readonly jitter?: number; readonly only?: Only }): void
  /** So many bytes per second, in each direction of each connection. */
  slow(bytesPerSecond: number, options?: { readonly only?: Only }): void
  /**
   * Connections stay open and new ones are accepted, but nothing passes, neither bytes nor the end of a connection: as behind a cable
   * that was pulled out. What was sent meanwhile passes when it is healed.
   */
  halfOpen(options?: { readonly direction?: Direction | 'both'; readonly only?: Only }): void
  /** Requests pass, answers are dropped for ever. Whoever waited for one can only learn it by the end of the connection: cut() comes next. */
  swallow(options?: { readonly only?: Only }): void
  /** Closes connections. With `only` that is all; else new ones are refused (accepted and reset at once), for so many milliseconds or until heal(). */
  cut(options?: { readonly for?: number; readonly only?: Only }): void
  /** Closes connections with a RST, on both sides. New ones are welcome. */
  reset(options?: { readonly only?: Only }): void
  /** Ends all faults; what was held passes. */
  heal(): void
  close(): Promise<void>
}

interface Rule {
  readonly only: Only | undefined
  readonly latency?: { readonly time: number; readonly jitter: number }
  readonly rate?: number
  readonly holds?: Direction | 'both'
  readonly swallows?: boolean
}

interface Connection extends Proxied {
  readonly bytes: Record<Direction, number>
  pump(): void
  end(how: 'destroy' | 'resetAndDestroy'): void
}

// So much waits in the proxy, per direction; then it no longer reads.
const MOST_WAITING = 2 ** 18
const MOST_SAID = 2 ** 16

/** A TCP proxy in front of a server, on a port of its own, that fails as networks do when it is told to. Gone with the test. */
export async function createFaultProxy(target: Target, atEnd: AtEnd = onTestFinished): Promise<FaultProxy> {
  let aim = target
  let rules: Rule[] = []
  let refuses = false
  let refusal: ReturnType<typeof setTimeout> | undefined
  const open = new Set<Connection>()
  const bytes = { up: 0, down: 0 }
  const counts = { accepted: 0, refused: 0, swallowed: 0 }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (refuses) {
      counts.refused++
      client.on('error', () => {})
      return void client.resetAndDestroy()
    }
    const connection = createConnection(client, aim, ++counts.accepted, {
      rules: () => rules,
      onPassed: (direction, count) => void (bytes[direction] += count),
      onSwallowed: (count) => void (counts.swallowed += count),
      onClosed: () => void open.delete(connection),
    })
    open.add(connection)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  function add(rule: Rule): void {
    rules.push(rule)
    pumpAll()
  }

  function pumpAll(): void {
    for (const connection of open) connection.pump()
  }

  function end(how: 'destroy' | 'resetAndDestroy', only: Only = () => true): void {
    for (const connection of open) if (only(connection)) connection.end(how)
  }

  function welcome(): void {
    refuses = false
    clearTimeout(refusal)
  }

  const proxy: FaultProxy = {
    port,
    url: `http://127.0.0.1:${port}`,
    get connections() {
      return [...open]
    },
    get accepted() {
      return counts.accepted
    },
    get refused() {
      return counts.refused
    },
    bytes,
    get swallowed() {
      return counts.swallowed
    },
    aim: (target) => void (aim = target),
    latency: (time, { jitter = 0, only } = {}) => add({ only, latency: { time, jitter } }),
    slow: (rate, { only } = {}) => add({ only, rate }),
    halfOpen: ({ direction = 'both', only } = {}) => add({ only, holds: direction }),
    swallow: ({ only } = {}) => add({ only, swallows: true }),
    cut(options = {}) {
      welcome()
      refuses = options.only === undefined
      if (refuses && options.for !== undefined) refusal = setTimeout(welcome, options.for)
      end('destroy', options.only)
    },
    reset: ({ only } = {}) => end('resetAndDestroy', only),
    heal() {
      rules = []
      welcome()
      pumpAll()
    },
    async close() {
      clearTimeout(refusal)
      end('destroy')
      // Closing twice is no error.
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    },
  }
  atEnd(proxy.close)
  return proxy
}

interface Surroundings {
  rules(): readonly Rule[]
  onPassed(direction: Direction, count: number): void
  onSwallowed(count: number): void
  onClosed(): void
}

function createConnection(client: Socket, { port, host = '127.0.0.1' }: Target, number: number, around: Surroundings): Connection {
  const server = connect({ port, host, allowHalfOpen: true, noDelay: true })
  const bytes = { up: 0, down: 0 }
  let said = ''
  const up = createWay('up', client, server)
  const down = createWay('down', server, client)
  const connection: Connection = {
    number,
    bytes,
    said: (text) => (typeof text === 'string' ? said.includes(text) : text.test(said)),
    pump() {
      up.pump()
      down.pump()
    },
    end(how) {
      up.stop()
      down.stop()
      client[how]()
      server[how]()
      around.onClosed()
    },
  }
  // Also the proxy's own memory of it goes once both ends are closed.
  let ends = 2
  for (const socket of [client, server]) {
    socket.on('close', () => {
      if (--ends === 0) around.onClosed()
    })
  }
  return connection

  /** One direction: what has come waits in a row until it is due. */
  function createWay(direction: Direction, from: Socket, to: Socket): { pump(): void; stop(): void } {
    const waiting: { piece: Buffer | 'end' | 'reset'; due: number }[] = []
    let amount = 0
    let isFull = false
    let isStopped = false
    let timer: ReturnType<typeof setTimeout> | undefined
    let free = 0

    const find = (has: (rule: Rule) => boolean): Rule | undefined =>
      around.rules().findLast((rule) => has(rule) && (rule.only?.(connection) ?? true))

    function take(piece: Buffer | 'end' | 'reset'): void {
      if (isStopped) return
      const { time = 0, jitter = 0 } = find(({ latency }) => latency !== undefined)?.latency ?? {}
      waiting.push({ piece, due: time + jitter > 0 ? performance.now() + time + Math.random() * jitter : 0 })
      if (typeof piece !== 'string') amount += piece.length
      if (amount > MOST_WAITING) from.pause()
      pump()
    }

    /** Passes on what may pass now, in order: who is later due holds back those after it. */
    function pump(): void {
      clearTimeout(timer)
      for (;;) {
        const [next] = waiting
        if (!next || isFull || isStopped) break
        if (to.connecting || find(({ holds }) => holds === direction || holds === 'both')) return
        const wait = Math.max(next.due, free) - performance.now()
        if (wait > 0) return void (timer = setTimeout(pump, wait))
        const rate = find(({ rate }) => rate !== undefined)?.rate
        // Fifty times a second, at least a byte.
        const most = rate === undefined ? Infinity : Math.max(1, Math.floor(rate / 50))
        let { piece } = next
        if (piece.length > most && typeof piece !== 'string') {
          next.piece = piece.subarray(most)
          piece = piece.subarray(0, most)
        } else waiting.shift()
        if (rate !== undefined && typeof piece !== 'string') free = performance.now() + (piece.length / rate) * 1000
        pass(piece)
      }
      if (amount <= MOST_WAITING && !isStopped) from.resume()
    }

    function pass(piece: Buffer | 'end' | 'reset'): void {
      if (piece === 'end') to.end()
      else if (piece === 'reset') to.resetAndDestroy()
      else {
        amount -= piece.length
        if (direction === 'down' && find(({ swallows }) => swallows === true)) return around.onSwallowed(piece.length)
        bytes[direction] += piece.length
        around.onPassed(direction, piece.length)
        isFull = !to.write(piece)
      }
    }

    from.on('data', (piece: Buffer) => {
      if (direction === 'up' && said.length < MOST_SAID) said += piece.toString('latin1')
      take(piece)
    })
    from.on('end', () => take('end'))
    from.on('error', () => take('reset'))
    to.on('connect', pump)
    to.on('drain', () => {
      isFull = false
      pump()
    })
    return {
      pump,
      stop() {
        isStopped = true
        clearTimeout(timer)
        waiting.length = 0
      },
    }
  }
}
