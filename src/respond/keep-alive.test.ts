import { createHook } from 'node:async_hooks'
import { describe, expect, onTestFinished, test } from 'vitest'
import { sse } from '../index.js'
import { faces } from '../../test/helpers/faces.js'
import { never, sleep, when } from '../../test/helpers/servers.js'

const PING = ':\n\n'

async function* every(time: number): AsyncGenerator<string> {
  for (;;) {
    await sleep(time)
    yield 'a'
  }
}

function pings(text: string): number {
  return text.split(PING).length - 1
}

// First, so that no stream of another test has the timer.
test('200 streams share one timer, all are kept alive by it, and it goes with the last of them', async () => {
  const timers = new Set<number>()
  const hook = createHook({
    init: (id, type) => type === 'Timeout' && timers.add(id),
    destroy: (id) => void timers.delete(id),
  }).enable()
  onTestFinished(() => void hook.disable())
  const before = process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length

  const bodies = Array.from({ length: 200 }, () => sse(never(), { keepAlive: 50 }).body!.pipeThrough(new TextDecoderStream()).getReader())
  const texts = bodies.map(() => '')
  const read = bodies.map(async (body, index) => {
    for (;;) {
      const { done, value } = await body.read()
      if (done) return
      texts[index] += value
    }
  })
  // Looked at where no timer of the test itself is under way.
  await new Promise(setImmediate)
  expect(timers.size).toBe(1)
  const [shared] = timers
  // It keeps no process running: the streams' sockets do.
  expect(process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length).toBe(before)

  await when(() => texts.every((text) => pings(text) >= 3))
  await Promise.all(bodies.map((body) => body.cancel()))
  await Promise.all(read)
  await when(() => !timers.has(shared!))
})

describe.each(faces)('$name', ({ ask }) => {
  test('a silent stream gets a comment for every interval of silence', async () => {
    const answer = await ask(never(), { keepAlive: 50 })
    const begun = performance.now()
    await when(() => pings(answer.soFar()) === 5)
    const took = performance.now() - begun
    answer.leave()
    // The first comes at once; then four intervals, each up to a sixteenth longer; the rest is for a busy machine.
    expect(took).toBeGreaterThan(180)
    expect(took).toBeLessThan(600)
  })

  test('a stream on which items flow gets none', async () => {
    const answer = await ask(every(10), { keepAlive: 200 })
    await sleep(450)
    answer.leave()
    expect(answer.soFar()).toContain('data: a')
    expect(pings(answer.soFar())).toBe(1)
  })

  test('one that falls silent after items gets comments, and its items still in order', async () => {
    let go: () => void = () => {}
    const answer = await ask(
      (async function* () {
        yield 'a'
        await new Promise<void>((resolve) => (go = resolve))
        yield 'b'
        yield 'c'
      })(),
      { keepAlive: 20 },
    )
    await when(() => pings(answer.soFar()) >= 3)
    go()
    expect((await answer.text()).replaceAll(PING, '')).toBe('data: a\n\ndata: b\n\ndata: c\n\n')
  })

  test('0 is off', async () => {
    const answer = await ask(never(), { keepAlive: 0 })
    await sleep(100)
    answer.leave()
    expect(answer.soFar()).toBe(PING)
  })

  test('a stream that waits for its first item gets none before it is open', async () => {
    const answer = await ask(
      async function* () {
        await sleep(100)
        yield 'a'
      },
      { keepAlive: 20, open: 'first-item' },
    )
    expect(await answer.text()).toBe(`${PING}data: a\n\n`)
  })
})

test('streams with different intervals each keep their own', async () => {
  const slow = await faces[0]!.ask(never(), { keepAlive: 250 })
  const fast = await faces[0]!.ask(never(), { keepAlive: 25 })
  await when(() => pings(fast.soFar()) >= 6)
  expect(pings(slow.soFar())).toBe(1)
  fast.leave()
  await when(() => pings(slow.soFar()) === 2)
  slow.leave()
})

test('a body that nobody reads at the moment collects no comments', async () => {
  const response = sse(never(), { keepAlive: 10 })
  const reader = response.body!.getReader()
  await reader.read()
  const answered = reader.read()
  await sleep(100)
  // Answered once; since then nobody waits.
  await answered
  let text = ''
  void reader.read().then(({ value }) => (text = new TextDecoder().decode(value)))
  await when(() => text !== '')
  expect(text).toBe(PING)
  await reader.cancel()
})
