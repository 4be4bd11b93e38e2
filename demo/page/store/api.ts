/** An answer that isn't what was hoped for, in words for people; `status` 0 when there was no answer. */
export class ShopError extends Error {
  override readonly name = 'ShopError'

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly body: Readonly<Record<string, unknown>> = {},
    /** What `Retry-After` says, in milliseconds. */
    readonly retryAfter?: number,
  ) {
    super(message)
  }

  /** Whether another try may go better without anybody doing something. */
  get passes(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500
  }
}

export interface Asked {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly body?: unknown
  readonly csrf?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until no answer counts as none. */
  readonly patience?: number
}

/**
 * One answer of the shop, as JSON.
 *
 * @throws {ShopError} or the signal's reason.
 */
export async function ask<T>(path: string, { method = 'GET', body, csrf, signal, patience = 30_000 }: Asked = {}): Promise<T> {
  const late = AbortSignal.timeout(patience)
  let response: Response
  let text: string
  try {
    response = await fetch(path, {
      method,
      // /store/sale is a page for who asks for one.
      headers: {
        accept: 'application/json',
        ...(method !== 'GET' && { 'content-type': 'application/json' }),
        ...(csrf && { 'x-csrf': csrf }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      cache: 'no-store',
      signal: signal ? AbortSignal.any([signal, late]) : late,
    })
    text = await response.text()
  } catch (error) {
    signal?.throwIfAborted()
    throw new ShopError(0, 'UNREACHABLE', 'The shop can’t be reached just now', { cause: String(error) })
  }
  if (!response.ok) throw errorOf(response, text)
  try {
    return (text === '' ? undefined : JSON.parse(text)) as T
  } catch {
    // Somebody else's: the sign-in page of a hotel's network, say.
    throw new ShopError(0, 'UNREADABLE', 'Something between here and the shop has answered in its place')
  }
}

function errorOf(response: Response, text: string): ShopError {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  let body: Record<string, unknown> = {}
  try {
    body = JSON.parse(text) as typeof body
  } catch {
    // A proxy's page: the status has to do.
  }
  const { code, message } = body
  const words = typeof message === 'string' ? message : `The shop has answered with status ${response.status}`
  return new ShopError(
    response.status,
    typeof code === 'string' ? code : 'UNKNOWN',
    words,
    body,
    Number.isNaN(seconds) ? undefined : seconds * 1_000,
  )
}

export function isShopError(error: unknown): error is ShopError {
  return error instanceof ShopError
}
