import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { DatabaseUnavailable } from './database.js'

/** PGlite doesn't notice a second process in its files, and would ruin them. Returns what gives the folder back. */
export async function lockFolder(folder: string): Promise<() => void> {
  const file = join(folder, 'database.pid')
  try {
    mkdirSync(folder, { recursive: true })
    take(file, folder)
    // Two at once may both have taken away what a third has left: the later one has it.
    await setTimeout(30)
    if (readFileSync(file, 'utf8') !== String(process.pid)) take(file, folder)
  } catch (error) {
    if (error instanceof DatabaseUnavailable) throw error
    throw new DatabaseUnavailable(
      `The data folder ${folder} can't be used: ${(error as Error).message}. DATA_DIR names another`,
      { cause: error },
    )
  }
  const unlock = (): void => rmSync(file, { force: true })
  // Also where closing takes too long to be waited for.
  process.once('exit', unlock)
  return () => {
    process.off('exit', unlock)
    unlock()
  }
}

function take(file: string, folder: string): void {
  for (let tries = 0; ; tries++) {
    try {
      return writeFileSync(file, String(process.pid), { flag: 'wx' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || tries === 3) throw error
    }
    const owner = Number(readFileSync(file, 'utf8'))
    if (isRunning(owner)) {
      throw new DatabaseUnavailable(
        `The data folder ${folder} is in use by process ${owner}: end that demo, or give this one another folder with DATA_DIR. If ${owner} is no demo, remove ${file}`,
      )
    }
    // Of one that was killed.
    rmSync(file, { force: true })
  }
}

function isRunning(pid: number): boolean {
  // Of the same number: the one before, in a container, or a computer that was switched off.
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return false
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
