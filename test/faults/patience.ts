import { vi } from 'vitest'
import { when } from '../helpers/servers.js'

/** How long anything may take, in milliseconds: no test waits so long unless something is broken, or the machine is very busy. */
export const PATIENCE = 60_000

vi.setConfig({ testTimeout: 5 * PATIENCE, hookTimeout: 2 * PATIENCE })

/** Waits until something is so. What is said to be missing is asked for when it is. */
export function eventually(isSo: () => boolean, what: () => string = () => String(isSo), within = PATIENCE): Promise<void> {
  return when(isSo, what, within)
}
