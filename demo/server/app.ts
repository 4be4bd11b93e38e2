import type { IncomingMessage, ServerResponse } from 'node:http'
import { log } from './files.js'
import { HttpError, answer, isLocal, type Handler } from './http.js'
import { loadPages } from './pages.js'
import { dashboard } from './patterns/dashboard.js'
import { logTail } from './patterns/log-tail.js'
import { notifications, notify } from './patterns/notifications.js'
import { presence } from './patterns/presence.js'
import { progress } from './patterns/progress.js'
import { createStoreRoutes } from './store/routes.js'
import { settingsOf } from './store/settings.js'
import { jsonItem, sseItem, stringItem } from './streams.js'
import { vitals } from './vitals.js'
import { ward } from './ward.js'

export interface App {
  readonly handle: Handler
  close(): Promise<void>
}

/** Everything the demo answers, by path and method. */
export function createApp(): App {
  const pages = loadPages()
  const store = createStoreRoutes(settingsOf(process.env))
  const open = new Map<string, number>()
  const api: Record<string, Record<string, Handler>> = {
    '/string-item': { GET: stringItem },
    '/json-item': { GET: jsonItem },
    '/sse-item': { GET: sseItem },
    '/vitals': { GET: vitals },
    '/ward': { GET: ward },
    '/patterns/progress': { GET: progress },
    '/patterns/log-tail': { GET: logTail },
    '/patterns/notifications': { GET: notifications, POST: notify },
    '/patterns/presence': { GET: presence },
    '/patterns/dashboard': { GET: dashboard },
    // How many streams are open, by path.
    '/status': { GET: (_, res) => answer(res, 200, { streams: Object.fromEntries(open) }) },
  }

  return { handle, close: store.close }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = (req.url ?? '/').split('?', 1)[0] as string
    const route = store.route(path)
    try {
      if (!isLocal(req.headers.host))
        throw new HttpError(
          403,
          'HOST_NOT_ALLOWED',
          'This demo answers as localhost, 127.0.0.1 or [::1] only',
        )
      // Its database takes some seconds at first, and the page some time to load.
      if (/^\/store(\/|$)/.test(path)) store.begin()
      if (Object.hasOwn(pages, path)) await call({ GET: pages[path] as Handler }, path, req, res)
      else if (route) await observed(route.path, res, () => call(route.methods, path, req, res))
      else if (Object.hasOwn(api, path))
        await observed(path, res, () => call(api[path] as Record<string, Handler>, path, req, res))
      else if (/\btext\/html\b/.test(req.headers.accept ?? '')) await pages['/404']?.(req, res)
      else throw new HttpError(404, 'NOT_FOUND', `There is nothing at ${path}`)
    } catch (error) {
      refuse(res, error)
    }
  }

  /** Counts and logs what is answered while it is being answered. */
  function observed(path: string, res: ServerResponse, run: () => Promise<void>): Promise<void> {
    if (path === '/status') return run()
    const count = (by: number): void => void open.set(path, (open.get(path) ?? 0) + by)
    const begun = performance.now()
    count(1)
    log(`${path}: open`)
    res.once('close', () => {
      count(-1)
      log(
        `${path}: ${res.statusCode}, closed after ${((performance.now() - begun) / 1000).toFixed(1)} s`,
      )
    })
    return run()
  }
}

async function call(
  methods: Record<string, Handler>,
  path: string,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const handler = methods[req.method === 'HEAD' ? 'GET' : (req.method ?? '')]
  if (handler) return handler(req, res)
  const allowed = Object.keys(methods).flatMap((method) =>
    method === 'GET' ? ['GET', 'HEAD'] : [method],
  )
  res.setHeader('Allow', allowed.join(', '))
  throw new HttpError(
    405,
    'METHOD_NOT_ALLOWED',
    `${path} answers ${allowed.join(', ')}, not ${req.method}`,
  )
}

function refuse(res: ServerResponse, error: unknown): void {
  if (error instanceof HttpError) {
    // What was not read of a body would be taken for the next request.
    if (error.status === 413) res.setHeader('Connection', 'close')
    const { status, code, message, more } = error
    for (const [name, value] of Object.entries(more.headers ?? {})) res.setHeader(name, value)
    return answer(res, status, { code, message, ...more.body })
  }
  console.error(error)
  if (!res.headersSent)
    answer(res, 500, {
      code: 'INTERNAL',
      message: 'Something went wrong; the server has printed what',
    })
}
