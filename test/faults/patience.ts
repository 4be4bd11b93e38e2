import { vi } from 'vitest'
import { when } from '../helpers/servers.js'

/** How long anything may take, in milliseconds: no test waits so long unless something is broken, or the machine is very busy. */
export const PATIENCE = 30_000

vi.setConfig({ testTimeout: 3 * PATIENCE, hookTimeout: PATIENCE })

/** Waits until something is so. What is said to be missing is asked for when it is. */
export function eventually(isSo: () => boolean, what: () => string = () => String(isSo)): Promise<void> {
  return when(isSo, what, PATIENCE)
}
