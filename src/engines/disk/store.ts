import { mkdirSync } from 'node:fs'
import type { Database, Key, RootDatabase } from 'lmdb'
import { SseError } from '../../errors.js'
import { randomName } from '../../util/text.js'
import { setDamagedAside } from './damage.js'
import { open } from './lmdb.js'
import { decodePosition, encodePosition, FORMAT, formatOf, type Position } from './records.js'

type Table = Database<Buffer>

/**
 * One LMDB environment, in a folder. All numbers in records are little-endian doubles (records.ts):
 *
 * | table | key | value |
 * |---|---|---|
 * | (root) | `position` | format, epoch, head, floor |
 * | `topics` | topic | head, count, bytes, history, the oldest kept item |
 * | `items` | [topic, seq] | at, prev, event type, data: a topic's items lie beside each other |
 * | `log` | seq | topic: what comes next, whatever its topic |
 * | `passing` | seq | topic, item: what no topic keeps, for some seconds, so that other processes hear of it |
 * | `keys` | hash of topic and idempotency key | position, time and hash of the fields |
 * | `key-times` | [time, seq] | the key in `keys`, so that the old ones are the first |
 */
export interface Store {
  readonly root: RootDatabase<Buffer>
  readonly topics: Table
  readonly items: Table
  readonly log: Table
  readonly passing: Table
  readonly keys: Table
  readonly keyTimes: Table
  /** Reads from here on see all that was committed by now, by any process. */
  renew(): void
  position(): Position
  close(): Promise<void>
}

/** What is to be written; without a record the key is removed. */
export interface Change {
  readonly table: Table
  readonly key: Key
  readonly record?: Buffer
  /** The key is behind all others: LMDB then fills pages to the end. */
  readonly last?: boolean
}

export interface StoreOptions {
  readonly path: string
  /** Each commit waits until the disk has it. */
  readonly fsync: boolean
  readonly newEpoch: boolean
  readonly mapSize: number | undefined
}

export function openStore({ path, fsync, newEpoch, mapSize }: StoreOptions): Store {
  mkdirSync(path, { recursive: true })
  setDamagedAside(path)
  const root = open<Buffer>({
    path,
    encoding: 'binary',
    noSubdir: false,
    maxDbs: 8,
    // With the default a commit is told before the disk has it, and after a crash its numbers are given again.
    overlappingSync: false,
    noSync: !fsync,
    // Its own batches have a promise that nobody can catch: a commit that fails would end the process.
    eventTurnBatching: false,
    ...(mapSize !== undefined && { mapSize }),
  })
  try {
    checkFormat(root, path)
    const table = (name: string): Table => root.openDB<Buffer>({ name, encoding: 'binary' })
    const store = {
      root,
      topics: table('topics'),
      items: table('items'),
      log: table('log'),
      passing: table('passing'),
      keys: table('keys'),
      keyTimes: table('key-times'),
      renew: () => root.resetReadTxn(),
      position: () => positionOf(root),
      close: () => root.close(),
    }
    root.transactionSync(() => begin(root, newEpoch))
    root.readerCheck()
    store.renew()
    return store
  } catch (error) {
    void root.close()
    throw error
  }
}

/** Whether it can still be written: after some failures LMDB refuses everything until it is opened anew. */
export function isUsable({ root }: Store): boolean {
  try {
    root.transactionSync(() => {})
    return true
  } catch {
    return false
  }
}

function checkFormat(root: RootDatabase<Buffer>, path: string): void {
  const record = root.getBinary('position')
  if (record === undefined || formatOf(record) <= FORMAT) return
  throw new SseError(
    'SSE_ENGINE',
    `The store in ${path} has format ${formatOf(record)}, and this version of server-sent knows formats up to ${FORMAT}: update server-sent, or use another folder`,
  )
}

/** A store without a position is a new one. Items stay with a new epoch: they are what was, only cursors from elsewhere are not. */
function begin(root: RootDatabase<Buffer>, newEpoch: boolean): void {
  const record = root.getBinary('position')
  if (record !== undefined && !newEpoch) return
  const { head, floor } = record === undefined ? { head: 0, floor: 0 } : decodePosition(record)
  root.putSync('position', encodePosition({ epoch: randomName(10), head, floor }))
}

function positionOf(root: RootDatabase<Buffer>): Position {
  const record = root.getBinary('position')
  if (record === undefined) throw new SseError('SSE_ENGINE', 'The store was emptied while it was open: restart the process')
  return decodePosition(record)
}

/** Within a transaction. */
export function apply(changes: readonly Change[]): void {
  for (const { table, key, record, last } of changes) {
    if (record === undefined) table.removeSync(key)
    else if (last) table.putSync(key, record, { append: true })
    else table.putSync(key, record)
  }
}
