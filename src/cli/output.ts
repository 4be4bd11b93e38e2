import { once } from 'node:events'

/** A line on standard output. Waits while whoever reads it is slow. */
export async function print(line: string): Promise<void> {
  if (process.stdout.write(`${line}\n`) || process.stdout.destroyed) return
  await Promise.race([once(process.stdout, 'drain'), once(process.stdout, 'close')]).catch(() => {})
}

/** Calls `run` when nobody reads standard output any more. */
export function whenPiped(run: () => void): void {
  process.stdout.on('error', run)
}
