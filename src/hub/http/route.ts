import { Refusal } from './refusal.js'

export type Route =
  | { readonly name: 'events' | 'health' | 'stats' }
  | { readonly name: 'publish'; readonly topic: string }
  | { readonly name: 'preflight'; readonly allow: string }

const READ = ['GET', 'HEAD', 'OPTIONS']
const WRITE = ['POST', 'OPTIONS']

// The first `topics` of the path: a topic may have a segment of that name.
const TOPIC = /^.*?\/topics\/(.*)$/
const READABLE = /\/(events|health|stats)$/

/** What a request is for, by the end of its path: a hub may be mounted below any prefix. @throws {Refusal} 404, 405. */
export function routeOf(method: string, path: string): Route {
  const topic = TOPIC.exec(path)?.[1]
  const name = READABLE.exec(path)?.[1] as 'events' | 'health' | 'stats' | undefined
  // A topic may be called `orders/events`, too.
  if (name && (topic === undefined || READ.includes(method))) {
    return preflight(method, READ, `/${name}`) ?? { name }
  }
  if (topic !== undefined) return preflight(method, WRITE, '/topics/{topic}') ?? { name: 'publish', topic: decode(topic) }
  throw new Refusal(404, 'NOT_FOUND', 'There are GET /events?topic=..., POST /topics/{topic}, GET /health and GET /stats')
}

function preflight(method: string, methods: readonly string[], path: string): Route | undefined {
  const allow = methods.join(', ')
  if (!methods.includes(method)) throw new Refusal(405, 'METHOD_NOT_ALLOWED', `${path} takes ${allow}`, { allow })
  return method === 'OPTIONS' ? { name: 'preflight', allow } : undefined
}

function decode(topic: string): string {
  try {
    return decodeURIComponent(topic)
  } catch {
    throw new Refusal(400, 'SSE_INVALID_TOPIC', 'The topic in the path is not percent-encoded UTF-8: use encodeURIComponent()')
  }
}
