import type { Hub } from '../../src/hub/index.js'
import { blocksOf } from './client.js'
import type { Block } from './judge.js'

/** A stream over HTTP, read as it comes; or what it was answered instead. */
export interface Stream {
  readonly status: number
  /** Of a refusal. */
  readonly code: string | undefined
  readonly blocks: readonly Block[]
  readonly items: readonly string[]
  /** How many chunks have come: keep-alives, too. */
  readonly chunks: number
  readonly isOpen: boolean
  leave(): void
}

export async function follow(hub: Hub, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Stream> {
  const controller = new AbortController()
  const response = await hub.fetch(new Request(`http://a.test${path}`, { signal: controller.signal, headers }))
  const blocks: Block[] = []
  let chunks = 0
  let isOpen = response.ok
  const code = response.ok ? undefined : ((await response.json()) as { code: string }).code
  if (response.ok) {
    const reader = response.body!.getReader()
    const read = blocksOf(async () => {
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }))
      chunks++
      return { done, value }
    })
    void (async () => {
      for (;;) {
        const { done, value } = await read.next()
        if (done) break
        blocks.push(...value)
      }
      isOpen = false
    })()
  }
  return {
    status: response.status,
    code,
    blocks,
    get items() {
      return blocks.flatMap(({ event, data }) => (event === undefined ? (data ?? []) : []))
    },
    get chunks() {
      return chunks
    },
    get isOpen() {
      return isOpen
    },
    leave() {
      isOpen = false
      controller.abort()
    },
  }
}
