import { describe, expect, test } from 'vitest'
import { memoryEngine } from '../engines/memory.js'
import { SseItem } from '../protocol/item.js'
import { parseEventStream } from '../protocol/read.js'
import type { ReceivedItem } from '../protocol/received.js'
import { sse } from '../respond/response.js'
import { collect } from '../../test/helpers/collect.js'
import { when } from '../../test/helpers/servers.js'
import { createHub } from './hub.js'

const open = (lastEventId = ''): Request => new Request('http://a.test/', { headers: lastEventId ? { 'last-event-id': lastEventId } : {} })

describe('a subscription', () => {
  test('is a source for sse(): what is published after it came', async () => {
    const hub = createHub()
    const response = sse(hub.subscribe('a'), { request: open() })
    const items = collect(response, 2)
    await when(() => hub.stats().connections === 1)
    await hub.publish('a', 'one')
    await hub.publish('b', 'other')
    await hub.publish('a', { two: 2 }, { event: 'x' })
    expect(await items).toMatchObject([
      { data: 'one', event: 'message' },
      { data: '{"two":2}', event: 'x' },
    ])
    const [, second] = await items
    expect(second?.id).toMatch(/^\w+-3$/)
    await hub.close()
  })

  test('resumes', async () => {
    const hub = createHub()
    const { id } = await hub.publish('a', '1')
    for (const n of ['2', '3']) await hub.publish('a', n)
    expect(await collect(sse(hub.subscribe('a'), { request: open(id!) }), 2)).toMatchObject([{ data: '2' }, { data: '3' }])
    expect(await collect(hub.subscribe('a', { from: 'earliest' }), 3)).toMatchObject([{ data: '1' }, { data: '2' }, { data: '3' }])
    await hub.close()
  })

  test('tells a gap', async () => {
    const hub = createHub({ topics: { a: { history: { size: 2 } } } })
    const { id } = await hub.publish('a', '1')
    const { id: second } = await hub.publish('a', '2')
    for (const n of ['3', '4']) await hub.publish('a', n)
    const [gap, ...rest] = await collect(sse(hub.subscribe('a'), { request: open(id!) }), 3)
    expect(gap?.event).toBe('gap')
    expect(JSON.parse(gap!.data)).toEqual({ topics: ['a'], reason: 'expired', from: id, to: second })
    expect(rest).toMatchObject([{ data: '3' }, { data: '4' }])
    await hub.close()
  })
})

describe('a snapshot that names what it reflects', () => {
  const snapshotHub = (id: () => string | null): ReturnType<typeof createHub> =>
    createHub({
      topics: {
        a: { snapshot: () => new SseItem('state', { event: 'state', id: id() ?? undefined }) },
      },
    })

  test('and is older than the reader is followed by what came between, before what is live', async () => {
    let reflected: string | null = null
    const hub = snapshotHub(() => reflected)
    await hub.publish('a', '1')
    reflected = (await hub.publish('a', '2')).id
    for (const data of ['3', '4']) await hub.publish('a', data)
    const seen: ReceivedItem[] = []
    for await (const item of parseEventStream(sse(hub.subscribe('a'), { request: open() }))) {
      // It is live when it has all that came between.
      if (seen.push(item) === 3) await hub.publish('a', '5')
      if (seen.length === 4) break
    }
    expect(seen.map(({ data }) => data)).toEqual(['state', '3', '4', '5'])
    // No id below that of the connection's start.
    expect(seen.map(({ id }) => id?.split('-')[1])).toEqual([undefined, undefined, undefined, '5'])
    await hub.close()
  })

  test('and is newer than the reader leaves out what is in it', async () => {
    let reflected: string | null = null
    const hub = snapshotHub(() => reflected)
    const before = hub.lastEventId
    await hub.publish('a', '1')
    reflected = (await hub.publish('a', '2')).id
    await hub.publish('a', '3')
    // Its first id says that the snapshot is owed.
    const items = await collect(sse(hub.subscribe('a'), { request: open(`${before}!`) }), 2)
    expect(items.map(({ data }) => data)).toEqual(['state', '3'])
    await hub.close()
  })
})

test('a second hub on a memory engine that is in use begins where the engine is', async () => {
  const engine = memoryEngine()
  const first = createHub({ engine })
  const { id } = await first.publish('a', '1')
  const second = createHub({ engine })
  expect(second.lastEventId).toBe(id)
  await first.publish('a', '2')
  expect(await collect(second.subscribe('a', { lastEventId: id ?? '' }), 1)).toMatchObject([{ data: '2' }])
  await first.close()
})

test.each(['live', 'behind'])(
  'an item of the store that can not be written fails its readers that are %s, and nobody else',
  async (which) => {
    const engine = memoryEngine()
    const hub = createHub({ engine })
    const errors: unknown[] = []
    const from = hub.lastEventId
    const poison = (): Promise<unknown> => engine.append('bad', { data: 'x', event: 'a\nb' }, { history: {} })
    if (which === 'behind') await poison()
    const bad = sse(hub.subscribe('bad', which === 'behind' ? { lastEventId: from } : {}), {
      request: open(),
      onError: (error) => errors.push(error),
    })
    const good = collect(sse(hub.subscribe(['good', 'other']), { request: open() }), 2)
    const reading = bad.text()
    if (which === 'live') {
      await when(() => hub.stats().connections === 2)
      await poison()
    }
    await hub.publish('good', '1')
    await hub.publish('other', '2')
    expect((await good).map(({ data }) => data)).toEqual(['1', '2'])
    await reading
    expect(errors).toMatchObject([{ code: 'SSE_INVALID_FIELD' }])
    await hub.close()
  },
)
