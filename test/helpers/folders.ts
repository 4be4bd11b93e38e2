import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made: string[] = []

/** A new folder below the system's one for such things. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'server-sent-'))
  made.push(folder)
  return folder
}

/** To be called after the tests that made some. */
export function removeFolders(): void {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
}
