import { keyOf, type Selector } from '../protocol/topic.js'
import { hashOf } from '../util/text.js'

/** What an id says: `<epoch>-<seq>`, then `!` while a snapshot is owed, then `~<scope>` for several topics or a pattern. */
export interface Cursor {
  readonly epoch: string
  readonly seq: number
  /** Cut before its first snapshots: they are still to be sent. */
  readonly owed: boolean
  /** Of the set of topics that earned it; '' for any. */
  readonly scope: string
}

const CURSOR = /^([0-9A-Za-z]{1,32})-(\d{1,16})(!?)(?:~([0-9a-z]{1,11}))?$/

/** `undefined` for what was never an id of a hub. */
export function parseCursor(id: string): Cursor | undefined {
  const [, epoch = '', digits, owed, scope = ''] = CURSOR.exec(id) ?? []
  const seq = Number(digits)
  return Number.isSafeInteger(seq) ? { epoch, seq, owed: owed === '!', scope } : undefined
}

export function formatCursor({ epoch, seq, owed, scope }: Cursor): string {
  return `${epoch}-${seq}${owed ? '!' : ''}${scope && `~${scope}`}`
}

/** One name has none, so that its ids are positions of the whole hub. */
export function scopeOf(selectors: readonly Selector[]): string {
  return selectors.length === 1 && typeof selectors[0] === 'string' ? '' : hashOf(selectors.map(keyOf).join('\n')).toString(36)
}
