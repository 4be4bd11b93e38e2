import { createHash } from 'node:crypto'
import type { Connection } from './connection.js'

/** A script of Redis, called by its hash. */
export interface Script {
  readonly text: string
  readonly sha: string
}

export function scriptOf(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/** Redis keeps scripts in memory only: a new connection may be to a server that has none. */
export async function loadScripts(connection: Connection, scripts: readonly Script[]): Promise<void> {
  await Promise.all(scripts.map(({ text }) => connection.send(['SCRIPT', 'LOAD', text])))
}

export function run(connection: Connection, { sha }: Script, key: string, args: readonly string[]): Promise<unknown> {
  return connection.send(['EVALSHA', sha, '1', key, ...args])
}

/** The same, and with its text where the server has forgotten it. What didn't run may be sent again. */
export async function runSurely(connection: Connection, script: Script, key: string, args: readonly string[]): Promise<unknown> {
  try {
    return await run(connection, script, key, args)
  } catch (error) {
    if (!isNoScript(error)) throw error
    return await connection.send(['EVAL', script.text, '1', key, ...args])
  }
}

export function isNoScript(error: unknown): boolean {
  return codeOf(error) === 'NOSCRIPT'
}

/** The first word of what Redis answered, in capitals; nothing where it was no answer of Redis. */
export function codeOf(error: unknown): string {
  return /^[A-Z]{2,}(?= )/.exec(messageOf(error))?.[0] ?? ''
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Several addresses were tried: each has its reason, the error none.
  if (error instanceof AggregateError && error.message === '') return messageOf(error.errors[0])
  return error.message
}
