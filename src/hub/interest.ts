import { keyOf, selects, type Selector } from '../protocol/topic.js'
import { scopeOf } from './cursor.js'

/** A set of topics that somebody follows. */
export interface Interest {
  readonly selectors: readonly Selector[]
  /** The same for the same set. */
  readonly key: string
  readonly scope: string
  /** The names, when it has no pattern. */
  readonly names: readonly string[] | undefined
  has(topic: string): boolean
}

/** @param selectors Those of `selectorsOf()`: each once, in one order. */
export function interestOf(selectors: readonly Selector[]): Interest {
  const names = selectors.filter((one) => typeof one === 'string')
  return {
    selectors,
    key: selectors.map(keyOf).join('\n'),
    scope: scopeOf(selectors),
    names: names.length === selectors.length ? names : undefined,
    has: (topic) => selects(selectors, topic),
  }
}
