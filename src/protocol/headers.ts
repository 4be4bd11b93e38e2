// `HeadersInit` is missing from the types of Node 20, where it would silently be `any`.
/** What `new Headers()` takes. */
export type HeadersLike = NonNullable<RequestInit['headers']>

/** The media type of event streams. It is always UTF-8, so that it needs no charset. */
export const EVENT_STREAM = 'text/event-stream'

/**
 * The last event ID that says "this stream is over": a server that ends a stream for good sends it in a block of its own, and
 * answers 204, which stops an EventSource, when it comes back with it.
 */
export const END_ID = 'server-sent:end'

// Beyond this no ID is ours or anybody's; it is bounded because it comes from outside.
const SENSIBLE = /^[^\0\r\n]{0,4096}$/

/** Whether a Content-Type names an event stream, whatever its parameters. */
export function isEventStream(contentType: string | null | undefined): boolean {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === EVENT_STREAM
}

/**
 * Whether an Accept header lets an event stream through; one that is missing or empty does. A weight of 0 counts where it stands on
 * `text/event-stream` itself, also beside a wildcard: "Media ranges can be overridden by more specific media ranges".
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
 */
export function acceptsEventStream(accept: string | null | undefined): boolean {
  return !accept || (/text\/event-stream|text\/\*|\*\/\*/i.test(accept) && !/text\/event-stream\s*;\s*q=0\.?0*\s*(,|$)/i.test(accept))
}

/**
 * The last event ID that a request brings: the header, else `?lastEventId=`, else `''`. One that makes no sense is none: an error
 * status would close an EventSource for ever.
 *
 * @param header As the runtime shows it: a byte per character.
 * @param url The request's URL or path.
 */
export function lastEventIdOf(header: string | null | undefined, url: string): string {
  // "Last-Event-ID", lastEventIDValue, is "UTF-8 encoded"; headers show a character per byte.
  const id = header
    ? new TextDecoder().decode(Uint8Array.from(header, (byte) => byte.charCodeAt(0)))
    : (new URLSearchParams(/\?([^#]*)/.exec(url)?.[1]).get('lastEventId') ?? '')
  return SENSIBLE.test(id) ? id : ''
}
