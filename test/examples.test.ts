import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { collect } from 'server-sent/testing'
import { afterEach, expect, test } from 'vitest'

const folder = new URL('../examples/', import.meta.url)
// Where the stream is, if not at the root.
const paths: Record<string, string> = { 'hub.ts': 'events?topic=ticks&from=earliest' }
const examples = readdirSync(folder).filter((name) => name.endsWith('.ts'))

let server: Server | undefined
afterEach(() => {
  server?.close()
  server?.closeAllConnections()
})

test('there are examples for node:http, for a Fetch runtime and for a hub', () => {
  expect(examples).toEqual(expect.arrayContaining(['fetch.ts', 'hub.ts', 'node-http.ts']))
})

test.each(examples)('%s starts, and its stream can be read twice at once', async (name) => {
  process.env['PORT'] = '0'
  const example = (await import(new URL(name, folder).href)) as { server?: Server; default?: { fetch: FetchHandler } }
  server = example.server ?? serve(example.default!.fetch)
  if (!server.listening) await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${paths[name] ?? ''}`
  const readers = await Promise.all([collect(fetch(url), 2, { within: 30_000 }), collect(fetch(url), 2, { within: 30_000 })])
  expect(readers.map((items) => items.map(({ data }) => data))).toEqual([
    ['{"tick":1}', '{"tick":2}'],
    ['{"tick":1}', '{"tick":2}'],
  ])
})

type FetchHandler = (request: Request) => Response | Promise<Response>

/** As little of a Fetch runtime as an example needs. */
function serve(handle: FetchHandler): Server {
  return createServer((req, res) => {
    const left = new AbortController()
    res.once('close', () => left.abort())
    void (async () => {
      const response = await handle(new Request(`http://${req.headers.host}${req.url}`, { signal: left.signal }))
      res.writeHead(response.status, Object.fromEntries(response.headers))
      res.flushHeaders()
      await pipeline(Readable.fromWeb(response.body as never), res).catch(() => {})
    })()
  }).listen(0, '127.0.0.1')
}
