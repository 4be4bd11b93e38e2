import type { Engine } from '../engines/engine.js'
import { memoryEngine } from '../engines/memory.js'
import { SseError } from '../errors.js'
import { createHub, type Hub } from '../hub/hub.js'
import { pattern } from '../protocol/topic.js'
import { Failure, oneLine, UsageError } from './args.js'
import { createServerFor, listen } from './http-server.js'
import { authorizeByToken } from './jwt.js'
import { redisOf } from './redis.js'
import { serveOptions, type ServeOptions } from './serve-options.js'
import { isWorker, superviseWorkers, tellListening } from './workers.js'

/** The standalone server, until a signal ends it. */
export async function serve(args: readonly string[]): Promise<number> {
  const options = serveOptions(args, process.env)
  const say = (url: string): void => void process.stdout.write(`Listening on ${url}\n`)
  if (options.workers > 1 && !isWorker) return superviseWorkers(args, options.workers, say)
  const { signal, isAsked, asked, urged } = signals()
  const hub = await openHub(options)
  const { server, quiet, close } = createServerFor(hub, options)
  try {
    if (isAsked()) return 0
    const url = await listen(server, options)
    if (isWorker) tellListening(url)
    else say(url)
    await asked
    // Somebody at a keyboard doesn't want to wait.
    if (signal() !== 'SIGTERM') return 0
    // What has come is answered by a hub that is still there.
    const beforeClose = async (): Promise<void> => {
      await Promise.race([quiet(), urged])
      await close(urged)
    }
    await Promise.race([hub.drain({ within: options.drainWithin, beforeClose }), urged])
  } finally {
    // The streams end with the hub; without them the connections do.
    const closed = close(urged)
    await hub.close()
    await closed
  }
  return 0
}

interface Signals {
  readonly signal: () => NodeJS.Signals | undefined
  readonly isAsked: () => boolean
  /** The first signal. */
  readonly asked: Promise<void>
  /** The second. */
  readonly urged: Promise<void>
}

/** The first signal asks to stop, the second to do it now, the third doesn't ask. */
function signals(): Signals {
  const got: NodeJS.Signals[] = []
  let [ask, urge] = [(): void => {}, (): void => {}]
  const asked = new Promise<void>((resolve) => (ask = resolve))
  const urged = new Promise<void>((resolve) => (urge = resolve))
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      got.push(name)
      if (got.length > 2) process.exit(1)
      if (got.length > 1) urge()
      ask()
    })
  }
  return { signal: () => got[0], isAsked: () => got.length > 0, asked, urged }
}

async function openHub({ engine, history, corsOrigins, allowHosts, jwt, limits, trustProxy, maxAge }: ServeOptions): Promise<Hub> {
  const everything = { read: pattern('**'), write: pattern('**') }
  // Cookies come from pages of other origins only where they say who somebody is.
  const cors = corsOrigins.length > 0 ? { origin: corsOrigins, credentials: jwt?.cookie !== undefined } : undefined
  try {
    const authorize = jwt ? await authorizeByToken(jwt, { cors, warn }) : () => everything
    const hub = createHub({
      engine: await engineOf(engine),
      topics: { '**': { history } },
      authorize,
      cors,
      allowHosts,
      limits,
      trustProxy,
      maxAge,
      onError: complain,
    })
    await hub.ready
    return hub
  } catch (error) {
    // Its message says what to do: which package is missing, what is wrong with the folder, why the server isn't reached.
    if (error instanceof SseError && engine.kind === 'redis') throw new UsageError(`--engine redis: ${error.message}`, { cause: error })
    if (error instanceof SseError) throw new Failure(`--engine: ${error.message}`, { cause: error })
    throw error
  }
}

function warn(message: string): void {
  process.stderr.write(`server-sent serve: ${oneLine(message)}\n`)
}

/** What the store couldn't do is said in a line: while it is away each publish says it. A failure of our own comes with its stack. */
function complain(error: unknown): void {
  if (error instanceof SseError) warn(`${error.code}: ${error.message}`)
  else console.error(error)
}

/** Engines are loaded on use: what they need is not installed for those who don't. */
async function engineOf(engine: ServeOptions['engine']): Promise<Engine> {
  if (engine.kind === 'memory') return memoryEngine()
  if (engine.kind === 'redis') return redisOf(engine.place)
  const { diskEngine } = await import('../engines/disk/index.js')
  return diskEngine({ path: engine.path, newEpoch: engine.newEpoch })
}
