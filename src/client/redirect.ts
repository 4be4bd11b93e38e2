export interface Hop {
  readonly url: string
  readonly method: string
}

const REDIRECTS = [301, 302, 303, 307, 308]

/**
 * Where a redirect leads, by the rules of "HTTP-redirect fetch"; `undefined` when the answer is none, or leads nowhere one could go. When
 * the method changes, the body stays behind.
 *
 * @see https://fetch.spec.whatwg.org/#http-redirect-fetch
 */
export function redirectOf({ url, method }: Hop, status: number, location: string | null): Hop | undefined {
  const target = REDIRECTS.includes(status) && location !== null ? parseUrl(location, url) : undefined
  // "If locationURL's scheme is not an HTTP(S) scheme, then return a network error."
  if (!target || !isFetchable(target)) return undefined
  // "internalResponse's status is 301 or 302 and request's method is `POST`", or "303 and request's method is not `GET` or `HEAD`":
  // "Set request's method to `GET` and request's body to null."
  const becomesGet = status === 303 ? method !== 'HEAD' : status < 303 && method === 'POST'
  return { url: target.href, method: becomesGet ? 'GET' : method }
}

export function isSameOrigin(url: string, other: string): boolean {
  return new URL(url).origin === new URL(other).origin
}

/** Whether fetch would try: it takes neither other schemes nor a password in the URL, and says so as if the network had failed. */
export function isFetchable({ href }: URL): boolean {
  // As it is serialised: an @ in the path comes after a slash.
  return /^https?:\/\/[^/@]*\//.test(href)
}

/** `new URL()` that doesn't throw; `URL.canParse` is younger than some browsers in use. */
export function parseUrl(url: string, base: string | undefined): URL | undefined {
  try {
    return new URL(url, base)
  } catch {
    return undefined
  }
}

/** What relative URLs are relative to; nothing where there is no page and no worker. */
export function pageUrl(): string | undefined {
  return globalThis.document?.baseURI ?? globalThis.location?.href
}
