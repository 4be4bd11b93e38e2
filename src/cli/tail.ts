import { connect } from '../client/connect.js'
import { SseError } from '../errors.js'
import type { ReceivedItem } from '../protocol/received.js'
import { Failure, headersOf, oneLine, parse, urlOf, UsageError } from './args.js'
import { print, whenPiped } from './output.js'

const FLAGS = {
  'last-event-id': { type: 'string' },
  header: { type: 'string', multiple: true, default: [] as string[] },
  json: { type: 'boolean', default: false },
} as const

/** Prints a stream, over all its connections, until it ends for good or a signal comes. */
export async function tail(args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args, FLAGS)
  const url = urlOf(positionals[0], "'http://localhost:5000/events?topic=a'")
  if (positionals.length > 1) throw new UsageError('takes one URL; quote it if it has an &')
  const stream = connect(url, {
    headers: headersOf(values.header),
    lastEventId: values['last-event-id'],
    onReconnect({ delay, reason }) {
      process.stderr.write(`reconnecting in ${(delay / 1000).toFixed(1)} s: ${reasonOf(reason)}\n`)
    },
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stream.close())
  // `tail | head`: who reads has had enough.
  whenPiped(() => stream.close())
  try {
    for await (const item of stream) await print(values.json ? toJson(item) : toText(item))
  } catch (error) {
    if (error instanceof SseError) throw new Failure(describe(error), { cause: error })
    throw error
  }
  if (stream.lastEventId !== '') process.stderr.write(`last event ID: ${stream.lastEventId}\n`)
}

function toJson({ event, id, data }: ReceivedItem): string {
  return JSON.stringify({ event, id, data })
}

function toText({ event, data }: ReceivedItem): string {
  return event === 'message' ? data : `${event}: ${data}`
}

function describe({ message, response }: SseError): string {
  return oneLine(response ? `the server answered ${response.status}: ${response.body.slice(0, 300) || 'nothing'}` : message)
}

function reasonOf(reason: unknown): string {
  if (reason instanceof SseError) return describe(reason)
  const { message, cause } = reason as Partial<Error> & {
    readonly cause?: { readonly code?: string; readonly message?: string } | undefined
  }
  // Node's fetch says "fetch failed", and why in the cause; of a name with several addresses only a code.
  return oneLine(cause?.message || (cause?.code ?? message ?? String(reason)))
}
