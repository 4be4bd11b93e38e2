import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { sse } from '../index.js'
import { faces } from '../../test/helpers/faces.js'
import { never, sleep, when } from '../../test/helpers/servers.js'
import { watchTimers } from '../../test/helpers/timers.js'

const PING = ':\n\n'

/** An item again and again, and how long the silences between them were: on a busy machine longer than they should be. */
function every(time: number): { source: () => AsyncGenerator<string>; silences: number[] } {
  const silences: number[] = []
  return {
    async *source() {
      for (let last = performance.now(); ;) {
        await sleep(time)
        const now = performance.now()
        silences.push(now - last)
        last = now
        yield 'a'
      }
    },
    silences,
  }
}

function pings(text: string): number {
  return text.split(PING).length - 1
}

// First, so that no stream of another test has the timer.
test('200 streams share one timer, all are kept alive by it, and it goes with the last of them', async () => {
  const timers = watchTimers()
  const bodies = Array.from({ length: 200 }, () => read(50))
  await new Promise(setImmediate)
  expect(timers()).toHaveLength(1)
  // It keeps no process running: the streams' sockets do.
  expect(timers()[0]?.hasRef()).toBe(false)

  await when(() => bodies.every(({ soFar }) => pings(soFar()) >= 3))
  await Promise.all(bodies.map(({ leave }) => leave()))
  await when(() => timers().length === 0)
})

test('a silent stream gets a comment for every interval of silence, up to a sixteenth later, whatever the intervals of others', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const slow = read(320)
  const fast = read(32)
  const told = async (time: number): Promise<number[]> => {
    await vi.advanceTimersByTimeAsync(time)
    return [pings(slow.soFar()), pings(fast.soFar())]
  }
  expect(await told(31)).toEqual([1, 1])
  expect(await told(3)).toEqual([1, 2])
  // Ten intervals of 34 ms, of which one is over.
  expect(await told(9 * 34)).toEqual([2, 11])
  await fast.leave()
  expect(await told(320)).toEqual([3, 11])
  await slow.leave()
  expect(vi.getTimerCount()).toBe(0)
})

/** A silent stream, read as it comes. */
function read(keepAlive: number): { soFar: () => string; leave: () => Promise<void> } {
  const body = sse(never(), { keepAlive }).body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  void (async () => {
    for (let next = await body.read(); !next.done; next = await body.read()) text += next.value
  })()
  return { soFar: () => text, leave: () => body.cancel() }
}

describe.each(faces)('$name', ({ ask }) => {
  test('a silent stream gets a comment for every interval of silence', async () => {
    const begun = performance.now()
    const answer = await ask(never(), { keepAlive: 50 })
    await when(() => pings(answer.soFar()) >= 5)
    // The first comes at once; then whole intervals.
    const count = pings(answer.soFar())
    const took = performance.now() - begun
    answer.leave()
    expect(took).toBeGreaterThan((count - 1) * 50 - 1)
  })

  test('a stream on which items flow gets none', async () => {
    const { source, silences } = every(10)
    const answer = await ask(source(), { keepAlive: 200 })
    await sleep(450)
    answer.leave()
    expect(answer.soFar()).toContain('data: a')
    // The first is no keep-alive. Where the machine was busy it was silent.
    expect(pings(answer.soFar()) - 1).toBeLessThanOrEqual(silences.filter((silence) => silence > 150).length)
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
