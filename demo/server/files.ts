import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'server-sent-demo-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))

/** The demo's own log: what the log tail follows. */
export const logFile = join(folder, 'server.log')

const lines = createWriteStream(logFile)

export function log(line: string): void {
  lines.write(`${new Date().toISOString()} ${line}\n`)
}

export interface LargeFile {
  readonly path: string
  readonly size: number
}

let large: Promise<LargeFile> | undefined

/** A file of 1 GiB, made when it is first asked for. It is all zeros, so that most file systems need no space for it. */
export function largeFile(): Promise<LargeFile> {
  return (large ??= makeLargeFile())
}

async function makeLargeFile(): Promise<LargeFile> {
  const path = join(folder, 'large.bin')
  const size = 2 ** 30
  await writeFile(path, '')
  await truncate(path, size)
  return { path, size }
}
