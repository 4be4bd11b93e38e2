// What is compared. Parsers: (chunks, onItem) => void, a new parser each time. Formatters: (items, onText) => void, or a promise.
// Every one of them gets plain objects and gives plain strings; what another library makes besides (a UUID, a comment) is left out
// of its work, not added to ours. Loaded on demand: a trial has nothing in its process but the one it measures.

export const contenders = { parse: ['server-sent', 'eventsource-parser'], format: ['server-sent', 'better-sse', 'hono', 'hono, inlined'] }

const loaders = {
  async 'parse server-sent'() {
    const { createParser } = await import('../dist/protocol/index.js')
    return (chunks, onItem) => {
      const parser = createParser({ onItem })
      for (const chunk of chunks) parser.feed(chunk)
    }
  },

  async 'parse eventsource-parser'({ fed }) {
    const { createParser } = await import('eventsource-parser')
    if (fed === 'text') {
      return (chunks, onEvent) => {
        const parser = createParser({ onEvent })
        for (const chunk of chunks) parser.feed(chunk)
      }
    }
    // Its own way with bytes: they go through a TextDecoderStream, which does this.
    return (chunks, onEvent) => {
      const decoder = new TextDecoder()
      const parser = createParser({ onEvent })
      for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }))
    }
  },

  async 'format server-sent'() {
    const { formatItem } = await import('../dist/protocol/index.js')
    return (items, onText) => {
      for (const item of items) onText(formatItem(item))
    }
  },

  async 'format better-sse'() {
    const { createEventBuffer } = await import('better-sse')
    // What its Session.push() does, but no UUID for an item without id, and strings not as JSON.
    const buffer = createEventBuffer({ serializer: (data) => data })
    return (items, onText) => {
      for (const { data, event, id } of items) {
        if (event !== undefined) buffer.event(event)
        if (id !== undefined) buffer.id(id)
        onText(buffer.data(data).dispatch().read())
        buffer.clear()
      }
    }
  },

  async 'format hono'() {
    const { SSEStreamingApi } = await import('hono/streaming')
    // streamSSE's own class, without the stream behind it.
    let deliver
    class Formatter extends SSEStreamingApi {
      async write(text) {
        deliver(text)
        return this
      }
    }
    const { readable, writable } = new TransformStream()
    const formatter = new Formatter(writable, readable)
    return async (items, onText) => {
      deliver = onText
      for (const item of items) await formatter.writeSSE(item)
    }
  },

  // The lines of its writeSSE() (MIT) that make the text, without its promises: the fastest that hono could be.
  async 'format hono, inlined'() {
    return (items, onText) => {
      for (const message of items) {
        const dataLines = message.data
          .split(/\r\n|\r|\n/)
          .map((line) => `data: ${line}`)
          .join('\n')
        for (const key of ['event', 'id']) {
          const value = message[key]
          if (value && /[\r\n]/.test(value)) throw new Error(`${key} must not contain "\\r" or "\\n"`)
        }
        const lines = [
          message.event && `event: ${message.event}`,
          dataLines,
          message.id !== undefined && `id: ${message.id}`,
          message.retry !== undefined && `retry: ${message.retry}`,
        ]
        onText(lines.filter(Boolean).join('\n') + '\n\n')
      }
    }
  },
}

export function load(name, of) {
  return loaders[`${of.job} ${name}`](of)
}
