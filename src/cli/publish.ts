import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import { Failure, headersOf, oneLine, parse, urlOf, UsageError } from './args.js'
import { print } from './output.js'

const FLAGS = {
  lines: { type: 'boolean', default: false },
  event: { type: 'string' },
  'idempotency-key': { type: 'string' },
  header: { type: 'string', multiple: true, default: [] as string[] },
} as const

/** Publishes what the command line or standard input has, and prints each id. */
export async function publish(args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args, FLAGS)
  const [base, topic, data = '-', ...more] = positionals
  const url = urlOf(base, 'http://localhost:5000')
  if (topic === undefined || topic === '') throw new UsageError('TOPIC is missing: server-sent publish URL TOPIC [DATA|-]')
  if (more.length > 0) throw new UsageError('takes one DATA; quote it if it has spaces')
  const key = values['idempotency-key']
  if (values.lines && data !== '-') throw new UsageError('--lines is for standard input: leave DATA out')
  if (values.lines && key !== undefined) throw new UsageError('--idempotency-key is for one item: leave --lines out')
  const headers = headersOf(values.header)
  if (key !== undefined) headers.set('idempotency-key', key)
  if (!headers.has('content-type')) headers.set('content-type', 'text/plain; charset=utf-8')
  const target = topicUrl(url, topic, values.event)

  if (data !== '-') return print(await post(target, headers, data))
  if (process.stdin.isTTY) process.stderr.write('reading standard input; Ctrl-D ends it\n')
  if (!values.lines) return print(await post(target, headers, await buffer(process.stdin)))
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) await print(await post(target, headers, line))
}

/** Where a topic is published, below the URL of a hub. */
export function topicUrl(base: URL, topic: string, event?: string): URL {
  const url = new URL(base)
  url.pathname = `${url.pathname.replace(/\/$/, '')}/topics/${encodeURIComponent(topic)}`
  if (event !== undefined) url.searchParams.set('event', event)
  return url
}

/** Answers the id. @throws {Failure} with what the server says. */
async function post(url: URL, headers: Headers, body: string | Uint8Array<ArrayBuffer>): Promise<string> {
  let response: Response
  try {
    response = await fetch(url, { method: 'POST', headers, body })
  } catch (error) {
    const { code, message } = (error as { readonly cause?: { readonly code?: string; readonly message?: string } }).cause ?? {}
    throw new Failure(`${url.origin} can't be reached (${code ?? message ?? 'no answer'}): is the server running?`, { cause: error })
  }
  const text = await response.text()
  if (!response.ok) throw new Failure(`the server answered ${response.status}: ${oneLine(messageOf(text))}`)
  return String((JSON.parse(text) as { readonly id: unknown }).id)
}

function messageOf(text: string): string {
  try {
    const { code, message } = JSON.parse(text) as { readonly code: string; readonly message: string }
    return `${code}: ${message}`
  } catch {
    return text.slice(0, 300) || 'nothing'
  }
}
