import type { Engine } from '../engines/engine.js'
import type { RedisClient } from '../engines/redis/index.js'
import { Failure, UsageError } from './args.js'

/** A server's URL, and which of its hubs. */
export interface RedisPlace {
  readonly url: string
  readonly hub: string | undefined
}

/** @throws {UsageError} that doesn't repeat the URL: it may hold a password. */
export function redisPlaceOf(text: string): RedisPlace {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || url.hostname === '' || !/^\/?\d*$/.test(url.pathname))
    throw new UsageError('--engine redis: must be a URL like redis://user:password@host:6379/0')
  // Both clients would decode them, and end with a stack.
  if (!isDecodable(url.username) || !isDecodable(url.password))
    throw new UsageError('--engine redis: a % in the user or the password is written %25')
  // Whatever was meant by them, it would be another hub.
  const other = [...url.searchParams.keys()].find((name) => name !== 'hub')
  if (other !== undefined) throw new UsageError(`--engine redis: ?hub=NAME is all that may follow, not ?${other.slice(0, 80)}=`)
  if (url.searchParams.getAll('hub').length > 1) throw new UsageError('--engine redis: ?hub= may be said once')
  if (url.hash !== '') throw new UsageError('--engine redis: a # and what follows it name nothing; in a password it is written %23')
  const hub = url.searchParams.get('hub') ?? undefined
  if (hub !== undefined && !/^[\w.:-]{1,100}$/.test(hub))
    throw new UsageError(
      `--engine redis: ?hub= must be 1 to 100 letters, digits or _ . : - characters: ${JSON.stringify(hub.slice(0, 80))}`,
    )
  url.searchParams.delete('hub')
  return { url: url.href, hub }
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** With whichever of the two clients is installed. @throws {Failure} when neither is. */
export async function redisOf({ url, hub }: RedisPlace): Promise<Engine> {
  const { redisEngine } = await import('../engines/redis/index.js')
  return redisEngine({ client: await clientOf(url), name: hub })
}

async function clientOf(url: string): Promise<RedisClient> {
  const redis = await installed(() => import('redis'))
  if (redis) return redis.createClient({ url })
  const ioredis = await installed(() => import('ioredis'))
  if (ioredis) return new ioredis.Redis(url, { lazyConnect: true })
  throw new Failure('--engine redis: needs the package `redis` or `ioredis`: npm install redis')
}

async function installed<T>(load: () => Promise<T>): Promise<T | undefined> {
  try {
    return await load()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}
