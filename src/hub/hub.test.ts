import { describe, expect, test } from 'vitest'
import { sse } from '../respond/response.js'
import { collect } from '../testing/collect.js'
import { createHub } from './hub.js'

const open = (lastEventId = ''): Request => new Request('http://a.test/', { headers: lastEventId ? { 'last-event-id': lastEventId } : {} })

describe('a subscription', () => {
  test('is a source for sse(): what is published after it came', async () => {
    const hub = createHub()
    const response = sse(hub.subscribe('a'), { request: open() })
    const items = collect(response, 2)
    await new Promise((resolve) => setTimeout(resolve, 20))
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
