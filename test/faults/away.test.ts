import { afterAll, expect, test } from 'vitest'
import { describeWithRedis, removeRedis } from '../helpers/redis.js'
import { eventually, PATIENCE } from './patience.js'
import { publish, repeat, type Outcome } from './publisher.js'
import { createSetting } from './setting.js'

afterAll(removeRedis)

const PUBLISH_TIMEOUT = 1000

async function health(url: string): Promise<string> {
  const response = await fetch(`${url}/health`)
  return `${response.status} ${((await response.json()) as { status: string }).status}`
}

function itemOf(what: string, at: number): { readonly topic: string; readonly data: string } {
  return { topic: 'a', data: `${what} ${at}` }
}

describeWithRedis('while the broker is away', () => {
  test.each([
    ['is not there', 'kill', 'start', []],
    // Nobody knows that yet: what it is given it may store.
    ['stands still', 'pause', 'resume', [0, 1]],
  ] as const)(
    '(it %s) publishing fails in time and says what is known, readers stay, and all catch up by themselves',
    async (_, leave, comeBack, unanswered) => {
      const { redis, nodes, publisher, readers, settle } = await createSetting({
        path: '/live',
        node: { publishTimeout: PUBLISH_TIMEOUT, timeout: PUBLISH_TIMEOUT / 2 },
      })
      const say = (what: string, at: number): Promise<Outcome> => publish(nodes[at]!.url, itemOf(what, at), `${what} ${at}`)
      await publisher.more(10)
      await publisher.pause()
      for (const { url } of nodes) expect(await health(url)).toBe('200 ok')
      await redis[leave]()

      const unknown = await Promise.all(unanswered.map((at) => say('unanswered', at)))
      expect(unknown.map(({ code }) => code)).toEqual(unanswered.map(() => 'SSE_MAYBE_STORED'))
      for (const { url } of nodes) await expect.poll(() => health(url), { timeout: PATIENCE }).toBe('200 degraded')
      const refused = await Promise.all([0, 1].map((at) => say('refused', at)))
      expect(refused.map(({ code }) => code)).toEqual(['SSE_ENGINE', 'SSE_ENGINE'])
      // Busy machines are late; without a time of its own a publish would wait for the broker, which isn't back yet.
      for (const { time } of [...unknown, ...refused]) expect(time).toBeLessThan(20 * PUBLISH_TIMEOUT)
      refused.forEach((outcome, at) => publisher.note(itemOf('refused', at), outcome))
      const quiet = readers.map((reader) => reader.quiet)
      await eventually(() => readers.every((reader, at) => reader.quiet >= (quiet[at] as number) + 3))
      publisher.start()
      await eventually(() => publisher.failures.length >= 4)

      await redis[comeBack]()
      for (const { url } of nodes) await expect.poll(() => health(url), { timeout: PATIENCE }).toBe('200 ok')
      await publisher.more(10)
      for (const at of unanswered) {
        const item = itemOf('unanswered', at)
        publisher.note(item, await repeat(nodes[1 - at]!.url, item, item.data))
      }
      expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
      expect(readers.map(({ connections }) => connections)).toEqual([1, 1, 1, 1])
    },
  )

  test('what the hub gives up before its engine does may be stored, and is, when the broker is back', async () => {
    const { redis, nodes, publisher, readers, settle } = await createSetting({ node: { publishTimeout: 200, timeout: PATIENCE } })
    await publisher.more(5)
    await publisher.pause()
    await redis.kill()
    // It has noticed: what is published now waits in the node.
    await expect.poll(() => health(nodes[0].url), { timeout: PATIENCE }).toBe('200 degraded')
    const item = { topic: 'b', data: 'given up' }
    expect(await publish(nodes[0].url, item, 'key')).toMatchObject({ code: 'SSE_MAYBE_STORED' })
    await redis.start()
    await eventually(
      () => readers.some(({ received }) => received.some((one) => 'data' in one && one.data === item.data)),
      () => 'it is stored',
    )
    publisher.note(item, await repeat(nodes[1].url, item, 'key'))
    await publisher.more(5)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
  })

  test('a node that is started waits for it, and so do its readers and publishes, as long as they like', async () => {
    const { redis, proxies, nodes, publisher, settle } = await createSetting({ node: { timeout: PATIENCE } })
    await publisher.more(5)
    await redis.kill()
    await nodes[0].kill()
    const { accepted } = proxies[0]
    const starting = nodes[0].start()
    await eventually(() => publisher.failures.length > 0 && proxies[0].accepted > accepted)
    await redis.start()
    await starting
    await publisher.more(5)
    expect(await settle({ gaps: 0 })).toMatchObject({ gaps: 0 })
  })
})
