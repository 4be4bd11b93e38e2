import { execFileSync } from 'node:child_process'
import { onTestFinished } from 'vitest'
import { newFolder } from './folders.js'

/**
 * A disk that is soon full: a file system in memory of so many bytes, gone with the test. `undefined` where it may not be mounted (that
 * takes root), which is said; in CI it is an error.
 */
export function mountTmpfs(bytes: number): string | undefined {
  const folder = newFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { stdio: 'pipe' })
  } catch (error) {
    if (process.env['CI']) throw new Error('Without a small tmpfs the tests of a full disk see nothing: run them as root', { cause: error })
    console.warn('NOT TESTED: what a full disk does. It needs a small tmpfs, which only root can mount')
    return undefined
  }
  // Lazily, so that a file that is still open is no obstacle.
  onTestFinished(() => void execFileSync('umount', ['-l', folder]))
  return folder
}
