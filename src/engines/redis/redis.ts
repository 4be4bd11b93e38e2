import { SseError } from '../../errors.js'
import { show } from '../../protocol/fields.js'
import type { Opt } from '../../protocol/item.js'
import { isPattern, selects, type Selector } from '../../protocol/topic.js'
import { randomName } from '../../util/text.js'
import { later } from '../../util/wait.js'
import type { Engine, Page, ReadOptions } from '../engine.js'
import { APPENDING, createAppends } from './appends.js'
import { connectorOf, type RedisClient } from './client.js'
import type { Connection } from './connection.js'
import { luaOf } from './globs.js'
import { createLink, type Link } from './link.js'
import { createNews } from './news.js'
import { NODE_SCRIPTS } from './node-scripts.js'
import { createNodes } from './nodes.js'
import { READ } from './read-script.js'
import { decodePage, joined } from './records.js'
import { codeOf, loadScripts, runSurely, scriptOf } from './scripts.js'
import { checkRights, checkServer } from './server.js'
import { createSubscriptions } from './subscriptions.js'
import { away, failed, isPassing } from './words.js'

export interface RedisOptions extends Opt<{
  /** What all keys and channels of this hub begin with, in braces: letters, digits and `_ . : -`. Nodes of one hub say the same. @default 'hub' */
  name: string
  /** For how many milliseconds opening, an append or a read waits while Redis can't be reached; opening at least 3000. @default 5000 */
  timeout: number
  /** For how many milliseconds an idempotency key is remembered. @default 600_000 (10 minutes) */
  idempotencyWindow: number
  /** A topic that has kept no item for so many milliseconds is forgotten. @default 86_400_000 (a day) */
  forgetAfter: number
}> {
  /** Of node-redis (`createClient()`) or ioredis (`new Redis()`), connected or not: the engine makes two connections like it, and leaves it alone. */
  readonly client: RedisClient
}

const READING = scriptOf(READ)
const SCRIPTS = [APPENDING, READING, ...NODE_SCRIPTS]
// For how long the first connection is tried anew, at least, and how long what was said may take to be done when it is closed.
const OPENING = 3000
const CLOSING = 5000
const LONGEST = 1e15
const OPEN = "Can't open the hub in Redis"

/**
 * Keeps everything in Redis 7 (or Valkey), for any number of processes on any number of machines. Node-redis and ioredis are optional
 * peers.
 *
 * What survives is what Redis keeps: with `appendonly yes` and `appendfsync always` everything that was acknowledged survives the end and
 * the crash of its machine; with `everysec` all but the last second; without a log of writes what the last snapshot had. A failover
 * loses what the replica didn't have yet. What may have been lost is told: a cursor from the lost time gets a gap, all others don't; a
 * server without its data is a new epoch.
 */
export function redisEngine(options: RedisOptions): Engine {
  const { client, name, timeout, idempotencyWindow, forgetAfter } = checked(options)
  const connect = connectorOf(client)
  const prefix = `{${name}}:`
  const key = `${prefix}meta`
  let commands: Link | undefined
  let hints: Link | undefined
  // Which processes answer on the two connections.
  let server: string | undefined
  let heardFrom: string | undefined
  let epoch = ''
  // What the next epoch is called, should this node begin it.
  let fresh = randomName(10)
  let seen = 0
  let looking: Promise<void> | undefined
  let isAskedAgain = false
  // Until then nobody knows of a position that could have moved.
  let isOpen = false
  let closing: Promise<void> | undefined

  const connection = (): Connection | undefined => commands?.connection
  const reason = (): unknown => commands?.reason
  const position = (): readonly string[] => [fresh, epoch, `${seen}`]

  const news = createNews({ prefix, look, onSeen: know })
  const nodes = createNodes({ key, connection, reason, head: position })
  const subscriptions = createSubscriptions(prefix, (error) => hints?.renew(error))
  const appends = createAppends({
    key,
    timeout,
    connection,
    reason,
    head: () => [...position(), `${forgetAfter}`, `${idempotencyWindow}`],
    renew: (why) => commands?.renew(why),
    onAppended(now, seq) {
      know(now, seq)
      // Nobody would hear of it otherwise, for a while.
      if (hints && !hints.connection) news.tell(seq)
    },
  })

  /** What the store has said of itself. */
  function know(now: string, seq: number): void {
    if (now === epoch) {
      seen = Math.max(seen, seq)
      return
    }
    epoch = now
    seen = seq
    // Used, or of another node: no two epochs have one name.
    fresh = randomName(10)
    news.know(now, seq)
    nodes.renew()
  }

  function start(): Link {
    return createLink({
      connect,
      async setUp(open) {
        const run = await checkServer(open)
        await checkRights(open, key, SCRIPTS)
        await loadScripts(open, SCRIPTS)
        // The other connection may still be with a server that is no longer the one.
        if (heardFrom !== undefined && heardFrom !== run) hints?.renew(new Error('The hub is on another server'))
        server = run
      },
      onUp() {
        appends.up()
        nodes.up()
        if (hints) look()
      },
      onDown(why) {
        appends.down(why)
        nodes.down()
      },
    })
  }

  /** The connection for hints. */
  function listen(): Link {
    return createLink({
      connect,
      async setUp(open) {
        const run = await checkServer(open)
        // A new connection leads where the hub is now: the old one may hold on to where it was.
        if (server !== undefined && server !== run) commands?.renew(new Error('The hub is on another server'))
        heardFrom = run
        await subscriptions.begin(open)
      },
      // What came before this connection only the log tells.
      onUp: look,
      onDown: subscriptions.end,
      onMessage(channel, message) {
        if (message === 'control' && channel === `${prefix}h`) nodes.look()
        else news.hear(channel, message)
      },
    })
  }

  /** Asks the store how far it is, and tells everybody. */
  function look(): void {
    nodes.look()
    if (looking) {
      isAskedAgain = true
      return
    }
    if (!connection() || !isOpen || closing) return
    isAskedAgain = false
    const done = (): void => {
      looking = undefined
      if (isAskedAgain) look()
    }
    looking = readPage([], 0, { limit: 0, bytes: 0 }).then(({ head }) => {
      news.tell(head)
      done()
    }, done)
  }

  /** Something that may be done twice: again, when the connection is lost, as long as there is time. */
  async function ask<T>(what: string, work: (open: Connection) => Promise<T>): Promise<T> {
    const end = performance.now() + timeout
    for (;;) {
      if (closing) throw closedError(name)
      const open = connection()
      try {
        if (open) return await work(open)
      } catch (error) {
        if (isPassing(error)) commands?.renew(error)
        else if (codeOf(error) !== '' || connection() === open) throw failed(what, error)
      }
      const left = end - performance.now()
      if (!commands || commands.isClosed || left <= 0) throw away(what, reason())
      await within(commands.tried(), left)
    }
  }

  async function readPage(selectors: readonly Selector[], after: number, options: ReadOptions): Promise<Page> {
    for (;;) {
      let { page, next } = await readSome(selectors, after, options)
      const { epoch: begun } = page
      // Each part needs to be read as far as those before it only.
      while (next !== '' && page.epoch === begun) {
        const more = await readSome(selectors, after, { ...options, upTo: page.through }, next)
        next = more.next
        page = more.page.epoch === begun ? joined(page, more.page, options) : more.page
      }
      if (page.epoch === begun) return page
    }
  }

  /** In portions, so that Redis isn't held up by many topics: a page of all, or of some of them and what comes next. */
  async function readSome(
    selectors: readonly Selector[],
    after: number,
    { upTo, limit, bytes }: ReadOptions,
    part = '',
  ): Promise<ReturnType<typeof decodePage>> {
    const names = [...new Set(selectors.filter((one) => typeof one === 'string'))]
    const patterns = selectors.filter(isPattern).map(luaOf)
    const some = decodePage(
      await ask('The log is not read', (open) =>
        runSurely(open, READING, key, [
          ...position(),
          `${forgetAfter}`,
          `${Math.max(0, after)}`,
          upTo === undefined || upTo === Infinity ? '' : `${upTo}`,
          `${Math.min(limit, LONGEST)}`,
          `${Math.min(bytes, LONGEST)}`,
          `${names.length}`,
          part,
          ...names,
          ...patterns,
        ]),
      ),
    )
    know(some.page.epoch, some.page.head)
    return some
  }

  /** In portions, so that Redis isn't held up by many. */
  async function topicsOf(selectors: readonly Selector[]): Promise<readonly string[]> {
    const found = new Set<string>()
    let cursor = '0'
    do {
      const from = cursor
      const reply = await ask('The topics are not read', (open) => open.send(['HSCAN', `${prefix}topics`, from, 'COUNT', '1000']))
      const [next, entries] = reply as [string, readonly string[]]
      for (let at = 0; at < entries.length; at += 2) {
        const topic = entries[at] as string
        if (topic !== '' && selects(selectors, topic)) found.add(topic)
      }
      cursor = next
    } while (cursor !== '0')
    return [...found]
  }

  async function open(): Promise<{ readonly epoch: string; readonly head: number }> {
    const end = performance.now() + Math.max(OPENING, timeout)
    try {
      if (!closing) await connected((commands ??= start()), end)
      // Before the first watch begins: an item that no topic keeps is told once, to those who listen by then.
      if (!closing) await heardBy((hints ??= listen()))
      const { epoch: now, head } = await readPage([], 0, { limit: 0, bytes: 0 })
      await ask(OPEN, nodes.open)
      isOpen = true
      return { epoch: now, head }
    } catch (error) {
      if (!isOpen) {
        hints?.close()
        commands?.close()
      }
      throw closing ? closedError(name) : failed(OPEN, error)
    }
  }

  /** Each attempt has its own time: one that is under way is waited for, since this process or the server may only be slow. */
  async function connected(link: Link, end: number): Promise<void> {
    while (!link.connection) {
      await link.tried()
      const why = link.reason
      const isOver = link.isClosed || isHopeless(why) || performance.now() >= end
      if (!link.connection && isOver) throw failed(OPEN, why ?? new Error('no connection'))
    }
  }

  /** Hints may come later, unless their connection is refused for good. */
  async function heardBy(link: Link): Promise<void> {
    await link.tried()
    if (!link.connection && isHopeless(link.reason)) throw failed(OPEN, link.reason)
  }

  async function end(): Promise<void> {
    if (connection()) await within(appends.idle(), Math.min(timeout, CLOSING))
    appends.stop(closedError(name))
    await nodes.leave()
    news.stop()
    hints?.close()
    commands?.close()
  }

  return {
    supports: { durable: true, shared: true, transactions: false },
    get isAway() {
      return commands !== undefined && !closing && !commands.connection
    },
    open,
    async append(topic, fields, how) {
      if (closing) throw closedError(name)
      return appends.append(topic, fields, how)
    },
    read: readPage,
    topics: topicsOf,
    watch: (...watcher) => (closing ? () => {} : news.watch(...watcher)),
    follow: subscriptions.follow,
    nodes,
    close() {
      closing ??= end()
      return closing
    },
  }
}

/** Whether Redis has said no, to what will not be otherwise a little later. */
function isHopeless(reason: unknown): boolean {
  return reason instanceof SseError || (codeOf(reason) !== '' && !isPassing(reason))
}

function closedError(name: string): SseError {
  return new SseError('SSE_CLOSED', `The Redis engine of ${JSON.stringify(name)} is closed`)
}

/** Waits for it, but not longer than so many milliseconds. */
async function within(work: Promise<void>, time: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  await Promise.race([work, new Promise<void>((resolve) => (timer = later(resolve, Math.max(0, time))))])
  clearTimeout(timer)
}

function checked({ client, name = 'hub', timeout = 5000, idempotencyWindow = 600_000, forgetAfter = 86_400_000 }: RedisOptions) {
  if (typeof name !== 'string' || !/^[\w.:-]{1,100}$/.test(name))
    throw new TypeError(`\`name\` must be 1 to 100 letters, digits or _ . : - characters: ${show(name)}`)
  for (const [option, value] of Object.entries({ timeout, idempotencyWindow, forgetAfter })) {
    if (!(typeof value === 'number' && value >= 0)) throw new TypeError(`\`${option}\` must be a number >= 0: ${show(value)}`)
  }
  const whole = (value: number): number => Math.min(Math.ceil(value), LONGEST)
  return { client, name, timeout, idempotencyWindow: Math.max(1, whole(idempotencyWindow)), forgetAfter: whole(forgetAfter) }
}
