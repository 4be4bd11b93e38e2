import { createHook } from 'node:async_hooks'
import { onTestFinished } from 'vitest'

/** The timers that our sources have made since it was called and that are still under way. Those of the runner come and go as they like. */
export function watchTimers(): () => readonly NodeJS.Timeout[] {
  const timers = new Map<number, NodeJS.Timeout>()
  const hook = createHook({
    init(id, type, _, resource) {
      if (type === 'Timeout' && isOurs(new Error().stack ?? '')) timers.set(id, resource as NodeJS.Timeout)
    },
    destroy: (id) => void timers.delete(id),
  }).enable()
  onTestFinished(() => void hook.disable())
  return () => [...timers.values()]
}

function isOurs(stack: string): boolean {
  return stack.split('\n').some((line) => line.includes('/src/') && !line.includes('node_modules') && !line.includes('.test.ts'))
}
