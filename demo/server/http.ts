import type { IncomingMessage, ServerResponse } from 'node:http'

export type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void> | void

/** Thrown by a handler: answered as JSON with its code and message. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly more: {
      /** Beside code and message. */
      readonly body?: Readonly<Record<string, unknown>>
      readonly headers?: Readonly<Record<string, string>>
    } = {},
  ) {
    super(message)
  }
}

export function answer(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  res.end(`${JSON.stringify(body)}\n`)
}

/** By DNS rebinding any site may point a name of its own here; the Host header still has that name. */
export function isLocal(host: string | undefined): boolean {
  return host === undefined || /^(([a-z\d-]+\.)*localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(host)
}

/** The `text` of a small JSON body. @throws {HttpError} */
export async function textOf(req: IncomingMessage, longest = 200): Promise<string> {
  const body = await jsonOf(req, '{"text": "..."}')
  const text = (body as { text?: unknown } | null)?.text
  if (typeof text !== 'string' || text.trim() === '' || text.length > longest) {
    throw new HttpError(
      400,
      'INVALID_TEXT',
      `\`text\` must be a string of 1 to ${longest} characters`,
    )
  }
  return text.trim()
}

/**
 * A small JSON body. JSON, because other sites may not send that without asking first, and they are not allowed.
 *
 * @throws {HttpError}
 */
export async function jsonOf(req: IncomingMessage, wanted: string): Promise<unknown> {
  if (!/^application\/json\b/i.test(req.headers['content-type'] ?? '')) {
    throw new HttpError(415, 'NOT_JSON', `Send ${wanted} as application/json`)
  }
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of req) {
      chunks.push(chunk as Buffer)
      if ((size += (chunk as Buffer).length) > 4096)
        throw new HttpError(413, 'TOO_LARGE', 'The body may have 4096 bytes')
    }
  } catch (error) {
    // Its client has left in the middle of it: no fault of ours, and nobody reads the answer.
    throw error instanceof HttpError ? error : new HttpError(400, 'CUT_OFF', 'The body was cut off')
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    throw new HttpError(400, 'NOT_JSON', 'The body is not JSON')
  }
}
