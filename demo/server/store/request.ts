import type { IncomingMessage } from 'node:http'
import { HttpError, jsonOf } from '../http.js'

export function queryOf(req: IncomingMessage): URLSearchParams {
  const url = req.url ?? ''
  const mark = url.indexOf('?')
  return new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1))
}

/** What a parameter says that may be given once; null without it. Nothing is picked out of several. @throws {HttpError} 400 */
export function parameterOf(query: URLSearchParams, name: string): string | null {
  const values = query.getAll(name)
  if (values.length > 1)
    throw new HttpError(400, 'GIVEN_TWICE', `\`${name}\` may be given once: ${shown(values)}`)
  return values[0] ?? null
}

/** A request that changes something must come from one of our own pages, or from no browser at all. @throws {HttpError} 403 */
export function checkSameSite({ headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site']
  const { origin } = headers
  if (
    (site === undefined || site === 'same-origin') &&
    (origin === undefined || hostOf(origin) === headers.host)
  )
    return
  throw new HttpError(403, 'CROSS_SITE', 'Only pages of this store may do that')
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}

/** A JSON object with these fields, each of which is checked. @throws {HttpError} */
export async function fieldsOf<T>(
  req: IncomingMessage,
  checks: { readonly [K in keyof T]: Check<T[K]> },
): Promise<T> {
  const names = Object.keys(checks) as (keyof T & string)[]
  const body = await jsonOf(req, `{${names.map((name) => `"${name}": ...`).join(', ')}}`)
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new HttpError(400, 'INVALID_BODY', `The body must be an object with ${names.join(', ')}`)
  const fields = body as Record<string, unknown>
  return Object.fromEntries(
    names.map((name) => {
      const value = Object.hasOwn(fields, name) ? fields[name] : undefined
      const { is, must } = checks[name]
      if (!is(value))
        throw new HttpError(400, 'INVALID_BODY', `\`${name}\` must be ${must}: ${shown(value)}`)
      return [name, value]
    }),
  ) as T
}

export interface Check<T> {
  is(value: unknown): value is T
  readonly must: string
}

export function text(pattern: RegExp, must: string): Check<string> {
  return { is: (value): value is string => typeof value === 'string' && pattern.test(value), must }
}

export function whole(least: number, most: number): Check<number> {
  return {
    is: (value): value is number =>
      Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
    must: `a whole number from ${least} to ${most}`,
  }
}

export function optional<T>({ is, must }: Check<T>): Check<T | undefined> {
  return {
    is: (value): value is T | undefined => value === undefined || is(value),
    must: `${must}, or left out`,
  }
}

export function oneOf<const T extends string>(...words: readonly T[]): Check<T> {
  return {
    is: (value): value is T => words.includes(value as T),
    must: words.map((word) => `"${word}"`).join(' or '),
  }
}

/** Something from outside, within a message. */
export function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? 'nothing'
  return json.length > 100 ? `${json.slice(0, 100)}...` : json
}
