import { afterAll, expect, test } from 'vitest'
import { openEngine } from '../../../test/engines/redis-engines.js'
import { describeWithRedis, removeRedis, startRedis } from '../../../test/helpers/redis.js'

afterAll(removeRedis)

describeWithRedis('a Redis whose memory is full', () => {
  test('stores no items, but goes on counting for the nodes and carrying what they tell', async () => {
    const server = await startRedis({ appendonly: 'off' })
    const one = await openEngine(server.port)
    const two = await openEngine(server.port, { name: one.name })
    const nodes = [one.engine.nodes, two.engine.nodes]
    const heard: string[] = []
    nodes[1]?.hear((message) => void heard.push(message))
    expect(await nodes[0]?.take([{ key: 'k', limit: 2 }])).toBe(-1)
    await server.send('CONFIG', 'SET', 'maxmemory', '1mb')
    await expect(one.put('a', 'x')).rejects.toMatchObject({
      code: 'SSE_ENGINE',
      message: expect.stringContaining('memory is full') as string,
    })
    // Who is signed out has to leave, and nobody must get in because something else is full.
    await nodes[0]?.tell('revoke')
    await expect.poll(() => heard).toEqual(['revoke'])
    expect(await nodes[1]?.take([{ key: 'k', limit: 2 }])).toBe(-1)
    expect(await nodes[1]?.take([{ key: 'k', limit: 2 }])).toBe(0)
    nodes[0]?.give(['k'])
    await expect.poll(() => nodes[1]?.take([{ key: 'k', limit: 2 }])).toBe(-1)
    expect(await nodes[0]?.pass('p', 1)).toBe(true)
    expect(await nodes[1]?.pass('p', 0)).toBe(false)
    await nodes[0]?.note('well')
    expect(await nodes[1]?.notes()).toEqual(['well'])
  })
})
