import type { Engine } from '../../engines/engine.js'
import { mustBe } from '../../protocol/fields.js'
import type { SseItem } from '../../protocol/item.js'
import { checkTopic, pattern, selectorsOf, type Selector } from '../../protocol/topic.js'
import type { StreamAnswer } from '../../respond/answer.js'
import { settingsOf } from '../../respond/options.js'
import { sse } from '../../respond/response.js'
import { whenAborted } from '../../util/abort.js'
import type { Hub } from '../hub.js'
import type { HubOptions } from '../options.js'
import type { Revocations, Watch } from '../revocations.js'
import { createSeats, type Seat, type SeatLimits } from '../seats.js'
import { createSharedLimits } from '../shared-limits.js'
import type { SubscribeOptions } from '../subscription.js'
import { addressOf } from './address.js'
import { readText } from './body.js'
import { grantOf, mustAllow, mustStillHold, type Granted } from './grant.js'
import { allowReading, hostCheck, mustBeOurs } from './origin.js'
import { createRate } from './rate.js'
import { closed, draining, Refusal, refusalOf, tooFast, tooMany } from './refusal.js'
import { routeOf } from './route.js'

type Options = HubOptions<unknown, unknown> & { readonly events?: object | undefined }
type Answer = (request: Request, address?: string) => Promise<Response | StreamAnswer>

/** A request of which it is known who asks. */
interface Asked {
  readonly request: Request
  readonly query: URLSearchParams
  readonly grant: Granted
  readonly address: string | undefined
  readonly watch: Watch
}

/** `closed` also when it could not be opened; `degraded` while its store can't be reached. */
export type HubState = 'opening' | 'open' | 'degraded' | 'closed'

/** What it answers for. */
interface Face {
  readonly hub: Hub<unknown, unknown>
  readonly state: () => HubState
  /** Streams of this process that have begun. */
  readonly connections: () => number
  /** The nodes of the hub, while they can be asked. */
  readonly nodes: () => Engine['nodes']
  readonly isDraining: () => boolean
  readonly revocations: Revocations
}

// Longer than any browser's limit that is met in practice; a last event ID isn't counted, because it is never refused.
const LONGEST_URL = 16_384
// What one may read, a cache between must not give to another, nor one connection to several.
const STREAM = { 'cache-control': 'private, no-cache, no-transform' }
const DEGRADED = {
  status: 'degraded',
  reason: 'The store fails or is away: streams wait for it, and nothing can be published until it is back',
}
const LAST_EVENT_ID = /([?&]lastEventId=)[^&#]*/g

/**
 * The hub over HTTP: `GET .../events`, `POST .../topics/{topic}`, `GET .../health`, `GET .../stats`; see docs/hub.md.
 *
 * @throws {TypeError} for an option of the wrong type.
 */
export function createAnswer({ hub, state, connections: connectionsNow, nodes, isDraining, revocations }: Face, options: Options): Answer {
  const { authorize, limits = {}, onError = console.error, cors, events, trustProxy = false } = options
  const { topicsPerConnection = 100, itemBytes = 2 ** 20, publishesPerSecond = Infinity } = limits
  const { connections = Infinity, connectionsPerPrincipal = Infinity, connectionsPerAddress = Infinity } = limits
  const checkHost = hostCheck(options.allowHosts)
  if (authorize !== undefined && typeof authorize !== 'function') throw new TypeError(mustBe('authorize', 'a function', authorize))
  if (typeof trustProxy !== 'boolean') throw new TypeError(mustBe('trustProxy', 'true or false', trustProxy))
  settingsOf({ cors, onError })
  const seatLimits = { connections, connectionsPerPrincipal, connectionsPerAddress }
  const seats = createSeats(seatLimits, connectionsNow)
  const shared = createSharedLimits(nodes, seatLimits, publishesPerSecond)
  const rate = createRate(publishesPerSecond)

  async function route(request: Request, connection: string | undefined): Promise<Response | StreamAnswer> {
    checkHost(request)
    const { pathname, href, searchParams: query } = new URL(request.url)
    if (href.replace(LAST_EVENT_ID, '$1').length > LONGEST_URL)
      throw new Refusal(414, 'URI_TOO_LONG', `The URL is longer than ${LONGEST_URL} characters: follow a pattern instead of many topics`)
    const to = routeOf(request.method, pathname)
    if (to.name === 'preflight') return new Response(null, { status: 204, headers: { allow: to.allow } })
    const now = state()
    // A stream may wait for the store, and a publish says by itself that it couldn't: only load balancers are told.
    if (now === 'closed' || (now === 'opening' && to.name === 'health')) throw closed()
    // Also told to load balancers, so that they send nobody here any more.
    if (isDraining() && (to.name === 'events' || to.name === 'health')) throw draining()
    // Not an error: the streams that there are would be sent to another node, which is no nearer to the store.
    if (to.name === 'health') return json(200, now === 'degraded' ? DEGRADED : { status: 'ok' })
    const watch = revocations.watch()
    let isSeated = false
    try {
      const grant = await grantOf(authorize, request, watch, onError)
      if (to.name === 'stats') return json(200, hub.stats())
      const address = addressOf(request.headers, connection, trustProxy)
      if (to.name === 'publish') return await publish({ request, query, grant, address, watch }, to.topic)
      const following = follow({ request, query, grant, address, watch })
      const answer = following instanceof Promise ? await following : following
      isSeated = true
      return answer
    } finally {
      if (!isSeated) watch.stop()
    }
  }

  function follow({ request, query, grant, address, watch }: Asked): StreamAnswer | Promise<StreamAnswer> {
    const selectors = selectorsIn(query, topicsPerConnection)
    const from = query.get('from') ?? 'now'
    if (from !== 'now' && from !== 'earliest')
      throw new Refusal(400, 'INVALID_PARAMETER', `${mustBe('?from=', 'now or earliest', from)}; a position is sent as Last-Event-ID`)
    mustAllow('read', grant, selectors)
    const { principal, expiresAt } = grant
    // Since it was asked who it is.
    if (isDraining()) throw draining()
    const occupant = { principal, address }
    const full = seats.refuses(occupant)
    if (full) throw tooMany(full, seatLimits[full])
    // First here, so that nobody comes between, then among all nodes.
    const seat = seats.take(occupant, watch)
    // One whose answer nobody begins to read.
    whenAborted(request.signal, seat.release)
    const subscribed: SubscribeOptions<unknown, unknown> & { readonly seat: Seat } = { from, principal, expiresAt, seat }
    const begin = (): StreamAnswer => ({ source: hub.subscribe(selectors, subscribed), options: { cors, onError, headers: STREAM } })
    return shared.claim(seat, occupant)?.then((full) => admit(seat, full, begin)) ?? begin()
  }

  /** Once all nodes have been asked. */
  function admit(seat: Seat, full: keyof SeatLimits | undefined, begin: () => StreamAnswer): StreamAnswer {
    if (!full && !isDraining()) return begin()
    seat.release()
    throw full ? tooMany(full, seatLimits[full]) : draining()
  }

  async function publish({ request, query, grant, address, watch }: Asked, topic: string): Promise<Response> {
    mustAllow('write', grant, [checkTopic(topic)])
    mustBeOurs(request, cors)
    const whom = grant.principal === undefined ? `address ${address ?? ''}` : `principal ${grant.principal}`
    const time = rate.take(whom)
    if (time > 0) throw tooFast(publishesPerSecond, time)
    const passes = shared.pass(whom)
    if (passes && !(await passes)) throw tooFast(publishesPerSecond, 1000)
    const text = await readText(request, itemBytes)
    mustStillHold(grant, watch)
    const event = query.get('event') || undefined
    const idempotencyKey = request.headers.get('idempotency-key') ?? undefined
    const data = events ? typed(events as Typed, event, text) : text
    const { id } = await hub.publish(topic, data, { event: events ? undefined : event, idempotencyKey })
    return json(201, { id })
  }

  return async (request, address) => {
    let answer: Response | StreamAnswer
    try {
      answer = await route(request, address)
    } catch (error) {
      // Whoever has left reads no answer, and is no failure of the server's.
      const refusal = refusalOf(error, request.signal.aborted ? () => {} : onError)
      answer = json(refusal.status, { code: refusal.code, message: refusal.message }, refusal.headers)
    }
    if (answer instanceof Response) allowReading(answer.headers, request, cors)
    return answer
  }
}

/** The answer as a Response. */
export async function toResponse(answer: Promise<Response | StreamAnswer>, request: Request): Promise<Response> {
  const given = await answer
  return 'source' in given ? sse(given.source, { ...given.options, request }) : given
}

/** What a request wants to follow. @throws {Refusal | SseError} */
function selectorsIn(query: URLSearchParams, limit: number): readonly Selector[] {
  const topics = query.getAll('topic')
  const patterns = query.getAll('pattern')
  const count = topics.length + patterns.length
  if (count === 0) throw new Refusal(400, 'SSE_INVALID_TOPIC', 'No topic: say ?topic=name, or ?pattern=stock/* for many')
  if (count > limit) {
    throw new Refusal(
      400,
      'TOO_MANY_TOPICS',
      `${count} topics, \`limits.topicsPerConnection\` is ${limit}: follow fewer, or a pattern that covers them`,
    )
  }
  const wild = topics.find((topic) => topic.includes('*'))
  if (wild !== undefined) {
    throw new Refusal(400, 'SSE_INVALID_TOPIC', `A wildcard counts in ?pattern= only, not in ?topic=${JSON.stringify(wild.slice(0, 80))}`)
  }
  return selectorsOf([...topics, ...patterns.map(pattern)])
}

interface Typed {
  item(event: string, data: unknown): SseItem
}

/** A typed item of a body. @throws {Refusal | SseError} */
function typed(events: Typed, event: string | undefined, text: string): SseItem {
  if (event === undefined) throw new Refusal(400, 'SSE_UNKNOWN_EVENT', 'The items of this hub have types: say which in ?event=')
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch {
    throw new Refusal(400, 'SSE_INVALID_DATA', 'The items of this hub have types: the body must be JSON')
  }
  return events.item(event, data)
}

function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', ...headers },
  })
}
