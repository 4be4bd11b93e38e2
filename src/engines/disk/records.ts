import { createHash } from 'node:crypto'
import type { Appended, History, StoredItem } from '../engine.js'

/** Of all that is stored. A store of a newer format is refused; one of an older format would be read by the code that knows it. */
export const FORMAT = 1

/** The one record that every commit writes. */
export interface Position {
  readonly epoch: string
  readonly head: number
  /** The highest head of all topics that were forgotten. */
  readonly floor: number
}

export function encodePosition({ epoch, head, floor }: Position): Buffer {
  const record = Buffer.allocUnsafe(17 + epoch.length)
  record.writeUInt8(FORMAT, 0)
  record.writeDoubleLE(head, 1)
  record.writeDoubleLE(floor, 9)
  record.write(epoch, 17, 'latin1')
  return record
}

export function formatOf(position: Buffer): number {
  return position.readUInt8(0)
}

export function decodePosition(record: Buffer): Position {
  return { head: record.readDoubleLE(1), floor: record.readDoubleLE(9), epoch: record.toString('latin1', 17, record.length) }
}

/** What is known of a topic. `oldest`, its `prev` and `at` are those of the oldest kept item, and mean nothing while `count` is 0. */
export interface Topic {
  head: number
  /** When its newest item was stored. */
  at: number
  count: number
  bytes: number
  oldest: number
  oldestPrev: number
  oldestAt: number
  history: Required<{ [K in keyof History]: number }>
}

export function newTopic(head: number): Topic {
  return {
    head,
    at: 0,
    count: 0,
    bytes: 0,
    oldest: 0,
    oldestPrev: 0,
    oldestAt: 0,
    history: { size: Infinity, age: Infinity, bytes: Infinity },
  }
}

export function encodeTopic({ head, at, count, bytes, oldest, oldestPrev, oldestAt, history }: Topic): Buffer {
  const record = Buffer.allocUnsafe(80)
  ;[head, at, count, bytes, oldest, oldestPrev, oldestAt, history.size, history.age, history.bytes].forEach((value, index) =>
    record.writeDoubleLE(value, 8 * index),
  )
  return record
}

export function decodeTopic(record: Buffer): Topic {
  const at = (index: number): number => record.readDoubleLE(8 * index)
  return {
    head: at(0),
    at: at(1),
    count: at(2),
    bytes: at(3),
    oldest: at(4),
    oldestPrev: at(5),
    oldestAt: at(6),
    history: { size: at(7), age: at(8), bytes: at(9) },
  }
}

const ITEM_HEAD = 20
const NO_EVENT = 0xffffffff

/** `at`, `prev`, the length of the event type, the event type, the data. */
export function encodeItem({ at, prev, fields: { data, event } }: Omit<StoredItem, 'seq' | 'topic'>): Buffer {
  const length = event === undefined ? 0 : Buffer.byteLength(event)
  const record = Buffer.allocUnsafe(ITEM_HEAD + length + Buffer.byteLength(data))
  record.writeDoubleLE(at, 0)
  record.writeDoubleLE(prev, 8)
  record.writeUInt32LE(event === undefined ? NO_EVENT : length, 16)
  if (event !== undefined) record.write(event, ITEM_HEAD)
  record.write(data, ITEM_HEAD + length)
  return record
}

export function decodeItem(topic: string, seq: number, record: Buffer): StoredItem {
  const length = record.readUInt32LE(16)
  const from = ITEM_HEAD + (length === NO_EVENT ? 0 : length)
  const data = record.toString('utf8', from, record.length)
  const fields = length === NO_EVENT ? { data } : { data, event: record.toString('utf8', ITEM_HEAD, from) }
  return { seq, prev: prevOf(record), topic, fields, at: atOf(record) }
}

export function atOf(item: Buffer): number {
  return item.readDoubleLE(0)
}

export function prevOf(item: Buffer): number {
  return item.readDoubleLE(8)
}

/** Bytes of data. */
export function sizeOf(item: Buffer): number {
  const length = item.readUInt32LE(16)
  return item.length - ITEM_HEAD - (length === NO_EVENT ? 0 : length)
}

/** What an idempotency key stands for. */
export interface Kept extends Pick<Appended, 'seq' | 'prev'> {
  readonly at: number
  /** Of the fields. */
  readonly hash: Buffer
}

export function encodeKept({ at, seq, prev, hash }: Kept): Buffer {
  const record = Buffer.allocUnsafe(24)
  record.writeDoubleLE(at, 0)
  record.writeDoubleLE(seq, 8)
  record.writeDoubleLE(prev, 16)
  return Buffer.concat([record, hash])
}

export function decodeKept(record: Buffer): Kept {
  return {
    at: record.readDoubleLE(0),
    seq: record.readDoubleLE(8),
    prev: record.readDoubleLE(16),
    hash: Buffer.from(record.subarray(24, record.length)),
  }
}

/** Keys of any length and of any characters in 16 bytes; no two that somebody could find. */
export function hashOf(...texts: readonly string[]): Buffer {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(`${text.length}:`).update(text)
  return hash.digest().subarray(0, 16)
}
