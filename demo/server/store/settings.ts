import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Settings {
  /** Where the database and the hub's history are kept. */
  readonly dataFolder: string
  /** A real PostgreSQL. Without one there is an embedded one in the data folder. */
  readonly databaseUrl: string | undefined
  /** How long an order stays in each of its states. */
  readonly step: number
  /** How long before it begins a sale is announced, and how long it lasts. */
  readonly saleLead: number
  readonly saleLength: number
  /** How long somebody stays signed in. */
  readonly session: number
  /** How long a request waits for the store to open; then its client is told to ask again. */
  readonly patience: number
}

// The built server is in demo/dist/server/store.
const ROOT = new URL('../../../../', import.meta.url)

/** @throws when a variable makes no sense; the message names it. */
export function settingsOf(env: Readonly<Record<string, string | undefined>>): Settings {
  return {
    dataFolder: resolve(fileURLToPath(ROOT), env['DATA_DIR'] || '.data'),
    databaseUrl: databaseUrlOf(env['DATABASE_URL']),
    step: milliseconds('STORE_STEP_MS', 4_000),
    saleLead: milliseconds('STORE_SALE_LEAD_MS', 5_000),
    saleLength: milliseconds('STORE_SALE_MS', 60_000),
    session: milliseconds('STORE_SESSION_MS', 12 * 3_600_000),
    // Longer than the first start takes, which makes a database.
    patience: milliseconds('STORE_PATIENCE_MS', 25_000),
  }

  function milliseconds(name: string, otherwise: number): number {
    const text = env[name]
    if (!text) return otherwise
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
    throw new Error(
      `${name} must be a whole number of milliseconds, at least 1: ${JSON.stringify(text)}`,
    )
  }
}

function databaseUrlOf(text: string | undefined): string | undefined {
  return text?.trim() ? text.trim() : undefined
}
