import { describe, expect, test, vi } from 'vitest'
import { later, nextTask, sleep, unlessAborted } from './wait.js'

describe('later', () => {
  test('takes a time that timers do not take for a long one', async () => {
    const run = vi.fn<() => void>()
    const timers = [2 ** 31, Number.MAX_SAFE_INTEGER, Infinity].map((time) => later(run, time))
    await sleep(20, new AbortController().signal)
    for (const timer of timers) clearTimeout(timer)
    expect(run).not.toHaveBeenCalled()
  })
})

describe('sleep', () => {
  test('rejects with the reason as soon as the signal aborts, and leaves no timer', async () => {
    vi.useFakeTimers()
    try {
      const abort = new AbortController()
      const slept = sleep(60_000, abort.signal)
      slept.catch(() => {})
      abort.abort(new Error('mine'))
      await expect(slept).rejects.toThrow('mine')
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  test('rejects at once for a signal that has aborted', async () => {
    await expect(sleep(60_000, AbortSignal.abort('before'))).rejects.toBe('before')
  })
})

describe('unlessAborted', () => {
  test('gives what the promise gives', async () => {
    const { signal } = new AbortController()
    await expect(unlessAborted(Promise.resolve(1), signal)).resolves.toBe(1)
    await expect(unlessAborted(Promise.reject(new Error('its own')), signal)).rejects.toThrow('its own')
  })

  test('takes its listener away, and what fails too late is for nobody', async () => {
    const abort = new AbortController()
    const remove = vi.spyOn(abort.signal, 'removeEventListener')
    let fail: (error: Error) => void = () => {}
    const late = unlessAborted(new Promise((_, reject) => (fail = reject)), abort.signal)
    abort.abort('reason')
    await expect(late).rejects.toBe('reason')
    fail(new Error('unheard'))
    await nextTask()
    expect(remove).toHaveBeenCalledTimes(1)
  })
})

describe('nextTask', () => {
  test.each([
    ['setImmediate', {}],
    ['MessageChannel', { setImmediate: undefined }],
    ['setTimeout', { setImmediate: undefined, MessageChannel: undefined }],
  ])('by %s: what waits for promises has run by then', async (_, missing) => {
    for (const [name, value] of Object.entries(missing)) vi.stubGlobal(name, value)
    try {
      let hops = 0
      const hop = async (): Promise<void> => {
        for (; hops < 50; hops++) await Promise.resolve()
      }
      const task = nextTask()
      void hop()
      await task
      expect(hops).toBe(50)
    } finally {
      vi.unstubAllGlobals()
    }
  })
})
