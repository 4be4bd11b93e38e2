import type { Hub } from '../../src/hub/hub.js'
import { selectorsOf, type Topics } from '../../src/protocol/topic.js'
import type { Chunk, FeedSource } from '../../src/respond/feed.js'
import { sse } from '../../src/respond/response.js'
import { createJudge, type Block, type Judge, type JudgeOptions } from './judge.js'

export interface ConnectOptions extends Omit<JudgeOptions, 'selectors' | 'given'> {
  readonly topics: Topics
  /** @default '' */
  readonly given?: string
  /** Leaves after so many blocks. */
  readonly leaveAfter?: number | undefined
  /** How long it takes over what it was given. */
  readonly slow?: () => number
  readonly keepAlive?: number
  /** As a socket has it: what it is given goes into a buffer, and only a full one makes the hub wait. */
  readonly isSocket?: boolean
}

/** One connection of a client, judged block by block. */
export interface Connection {
  readonly judge: Judge
  readonly isOpen: boolean
  /** Resolves when it is over; rejects for what breaks a law. */
  readonly over: Promise<void>
  leave(): void
}

/** A connection as a browser has it: through `sse()`; or as a loop. */
export function connectTo(hub: Hub, options: ConnectOptions): Connection {
  const { topics, given = '', leaveAfter = Infinity, slow, isLoop = false, filter, fromEarliest, keepAlive = 15_000 } = options
  const judge = createJudge({ ...options, given, selectors: selectorsOf(topics) })
  const subscription = hub.subscribe(topics, {
    filter: filter && (({ event, data }) => event === 'gap' || event === 'snapshot' || filter(data)),
    from: fromEarliest ? 'earliest' : 'now',
    lastEventId: isLoop && given !== '' ? given : undefined,
  })
  let isOpen = true
  let count = 0
  let stop: () => unknown

  async function read(blocks: AsyncIterator<readonly Block[]>): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await blocks.next()
        if (done || !isOpen) return
        for (const block of value) {
          await judge.take(block)
          if (++count >= leaveAfter) return
        }
        const time = slow?.() ?? 0
        if (time > 0) await new Promise((resolve) => setTimeout(resolve, time))
        if (!isOpen) return
      }
    } finally {
      leave()
    }
  }

  function leave(): void {
    if (!isOpen) return
    isOpen = false
    void stop()
  }

  let blocks: AsyncIterator<readonly Block[]>
  if (isLoop) {
    const iterator = subscription[Symbol.asyncIterator]()
    stop = () => iterator.return?.()
    blocks = {
      async next() {
        try {
          const { done, value } = await iterator.next()
          return done ? { done, value: undefined } : { done: false, value: [value] }
        } catch {
          // The store can't be read: as for a browser, the stream is over.
          return { done: true, value: undefined }
        }
      },
    }
  } else if (options.isSocket) {
    const socket = openSocket(subscription as unknown as FeedSource, given, keepAlive)
    stop = socket.leave
    blocks = blocksOf(socket.read)
  } else {
    const request = new Request('http://a.test/', { headers: given === '' ? {} : { 'last-event-id': given } })
    const reader = sse(subscription, { request, keepAlive, onError: () => {} }).body!.getReader()
    stop = () => reader.cancel().catch(() => {})
    blocks = blocksOf(() => reader.read().catch(() => ({ done: true, value: undefined })))
  }
  const over = read(blocks)
  // Whoever looks at it first hears of it; a test that has failed before doesn't.
  over.catch(() => {})
  return {
    judge,
    get isOpen() {
      return isOpen
    },
    over,
    leave,
  }
}

const BUFFER = 1024

interface Chunks {
  read(): Promise<{ done?: boolean | undefined; value?: Uint8Array | undefined }>
  leave(): void
}

function openSocket(source: FeedSource, lastEventId: string, silence: number): Chunks {
  const feed = source['~feed'](lastEventId)
  let buffer: Uint8Array[] = []
  let isFull = false
  let isOver = false
  let wake: (() => void) | undefined

  function write({ bytes, framed }: Chunk): boolean {
    if (framed.length !== bytes.length.toString(16).length + bytes.length + 4) throw new Error('The HTTP chunk is not that of its bytes')
    buffer.push(bytes)
    wake?.()
    isFull = buffer.reduce((sum, { length }) => sum + length, 0) > BUFFER
    return !isFull
  }

  function end(): void {
    isOver = true
    wake?.()
  }

  feed.attach({ write, end, fail: end, drop: end }, silence)
  return {
    async read() {
      if (buffer.length === 0 && !isOver) await new Promise<void>((resolve) => (wake = resolve))
      wake = undefined
      if (buffer.length === 0) return { done: true }
      const value = new Uint8Array(buffer.flatMap((bytes) => [...bytes]))
      buffer = []
      if (isFull) {
        isFull = false
        feed.drained()
      }
      return { value }
    },
    leave() {
      feed.return()
      end()
    },
  }
}

/** Blocks by the letter of what the formatter writes: LF only, one space after the colon. */
export function blocksOf(
  read: () => Promise<{ done?: boolean | undefined; value?: Uint8Array | undefined }>,
): AsyncIterator<readonly Block[]> {
  const decoder = new TextDecoder()
  let rest = ''
  return {
    async next() {
      const { done, value } = await read()
      if (done) return { done: true, value: undefined }
      const texts = (rest + decoder.decode(value, { stream: true })).split('\n\n')
      rest = texts.pop() ?? ''
      return { done: false, value: texts.map(parseBlock).filter((block) => Object.keys(block).length > 0) }
    },
  }
}

function parseBlock(text: string): Block {
  const block: { id?: string; event?: string; data?: string } = {}
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^(id|event|data): (.*)$/.exec(line) ?? []
    if (name === 'data') block.data = block.data === undefined ? value : `${block.data}\n${value}`
    else if (name === 'id' || name === 'event') block[name] = value
  }
  return block
}
