import type { Page } from '../engines/engine.js'

/**
 * The highest `seq` that a page's topics no longer have: what the engine says was dropped, and what it doesn't say but shows by an item
 * whose `prev` should be in the page and isn't.
 */
export function lostBefore({ items, trimmed }: Page, after: number): number {
  let lost = trimmed
  const last = new Map<string, number>()
  for (const { topic, seq, prev } of items) {
    if (prev > after && prev > lost && last.get(topic) !== prev) lost = prev
    last.set(topic, seq)
  }
  return lost
}
