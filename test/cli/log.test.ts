import { afterAll, expect, test } from 'vitest'
import { describeWithRedis, removeRedis, startRedis } from '../helpers/redis.js'
import { startServer } from './process.js'

afterAll(removeRedis)

describeWithRedis('what serve logs of its store', () => {
  test('is one line for each failure, with the code and what Redis says, and no stack', { timeout: 60_000 }, async () => {
    const redis = await startRedis()
    const server = await startServer('--engine', redis.url)
    await redis.kill()
    const answer = await fetch(`${server.url}/topics/a`, { method: 'POST', body: 'x' })
    expect([503, 504]).toContain(answer.status)
    await server.printed(/stored: Redis/)
    const lines = server.stderr().split('\n').slice(0, -1)
    expect(lines.length).toBeGreaterThan(0)
    for (const line of lines) expect(line).toMatch(/^server-sent serve: SSE_(ENGINE|MAYBE_STORED): \S.*/)
  })
})
