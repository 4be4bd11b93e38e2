import { Agent, request as request1, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { sendSse, sse } from '../../src/node.js'
import { onTestFinished } from 'vitest'
import { serve, serve2, session2, when } from './servers.js'

/** The two functions seen as one: what holds for every way of answering is asked of all three. */
export interface Face {
  readonly name: 'sse' | 'sendSse, http' | 'sendSse, http2'
  /** Answers one request with `source`, as an endpoint does whose framework answers errors with 500. */
  readonly ask: (source: any, options?: any, request?: Asked) => Promise<Answer>
}

export interface Asked {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  /** When it aborts, the client goes away, also while it still waits for an answer. */
  readonly signal?: AbortSignal
}

export interface Answer {
  readonly status: number
  /** Names in lower case; several Set-Cookie as an array. */
  readonly headers: Record<string, string | string[] | undefined>
  /** All that came until now. */
  readonly soFar: () => string
  /** Resolves when `text` has come. */
  readonly until: (text: string) => Promise<void>
  /** All that comes to the end of the stream. */
  readonly text: () => Promise<string>
  /** Whether the server has ended the stream. */
  readonly hasEnded: () => boolean
  /** Goes away as a client does. */
  readonly leave: () => void
  /** What the endpoint's promise, if it has one, was rejected with. */
  readonly refusal: () => unknown
}

const fetchFace: Face = {
  name: 'sse',
  async ask(source, options, { method = 'GET', path = '/', headers = {}, signal } = {}) {
    const left = new AbortController()
    signal?.addEventListener('abort', () => left.abort())
    const request = new Request(`http://localhost${path}`, { method, headers, signal: left.signal })
    let refusal: unknown
    let response: Response
    try {
      // oxlint-disable-next-line typescript/await-thenable -- a function's answer is a promise
      response = await sse(source, { request, ...options })
    } catch (error) {
      refusal = error
      response = new Response('failed', { status: 500 })
    }
    const reader = response.body?.getReader()
    const body = follow(async (got) => {
      const decoder = new TextDecoder()
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true }
        if (done) return
        got(decoder.decode(value, { stream: true }))
      }
    })
    onTestFinished(() => left.abort())
    return {
      ...body,
      status: response.status,
      headers: {
        ...Object.fromEntries(response.headers),
        ...(response.headers.has('set-cookie') && { 'set-cookie': response.headers.getSetCookie() }),
      },
      leave: () => left.abort(),
      refusal: () => refusal,
    }
  },
}

const httpFace: Face = {
  name: 'sendSse, http',
  async ask(source, options, { method = 'GET', path = '/', headers = {}, signal } = {}) {
    let refusal: unknown
    const { port } = await serve((req, res) => {
      sendSse(req, res, source, options).catch((error: unknown) => {
        refusal = error
        res.statusCode = 500
        res.end('failed')
      })
    })
    const agent = new Agent()
    onTestFinished(() => agent.destroy())
    const req = request1({ port, method, path, headers, agent })
    req.on('error', () => {})
    signal?.addEventListener('abort', () => req.destroy())
    req.end()
    const res = await new Promise<IncomingMessage>((resolve, reject) => req.on('response', resolve).on('error', reject))
    return { ...followStream(res), status: res.statusCode ?? 0, headers: res.headers, leave: () => req.destroy(), refusal: () => refusal }
  },
}

const http2Face: Face = {
  name: 'sendSse, http2',
  async ask(source, options, { method = 'GET', path = '/', headers = {}, signal } = {}) {
    let refusal: unknown
    const { url } = await serve2((req, res) => {
      sendSse(req, res, source, options).catch((error: unknown) => {
        refusal = error
        res.statusCode = 500
        res.end('failed')
      })
    })
    const stream = (await session2(url)).request({ ':method': method, ':path': path, ...headers })
    stream.on('error', () => {})
    signal?.addEventListener('abort', () => stream.close(8))
    stream.end()
    const answer = await new Promise<IncomingHttpHeaders & { ':status'?: number }>((resolve, reject) =>
      stream
        .on('response', resolve)
        .on('error', reject)
        .on('close', () => reject(new Error('cut'))),
    )
    const { ':status': status, ...rest } = answer
    return {
      ...followStream(stream),
      status: status ?? 0,
      headers: Object.fromEntries(Object.entries(rest)),
      leave: () => stream.close(8),
      refusal: () => refusal,
    }
  },
}

export const faces: readonly Face[] = [fetchFace, httpFace, http2Face]

function followStream(stream: NodeJS.ReadableStream): Followed {
  return follow((got) => {
    stream.setEncoding('utf8')
    stream.on('data', got)
    return new Promise((resolve, reject) =>
      stream
        .on('end', () => resolve())
        .on('error', reject)
        .on('close', () => reject(new Error('cut'))),
    )
  })
}

type Followed = Pick<Answer, 'soFar' | 'until' | 'text' | 'hasEnded'>

/** Reads as fast as it comes, so that a test can look at any time. */
function follow(read: (got: (text: string) => void) => Promise<void>): Followed {
  let text = ''
  let ended = false
  const end = read((part) => (text += part)).then(() => void (ended = true))
  end.catch(() => {})
  return {
    soFar: () => text,
    until: (part) =>
      when(
        () => text.includes(part),
        () => `${JSON.stringify(part)} in ${JSON.stringify(text)}`,
      ),
    text: async () => (await end, text),
    hasEnded: () => ended,
  }
}
