// What an ID counts with, before it (an epoch, say) and after it (the hub's scope): `42`, `k3x-42`, `k3x-42~a1`. A number with leading
// zeros is no number: nobody can tell whether it counts or is text.
const COUNTED = /^(.*-)?(0|[1-9]\d*)(~.*)?$/s

/**
 * Whether an ID says the same position as another, or one before it. That can be told of equal IDs, and of those that count and differ
 * in their number alone; of all others nothing is known, and what isn't known to have been seen must not be dropped.
 */
export function isAtOrBefore(id: string, other: string): boolean {
  if (id === other) return true
  const [, from, count, scope] = COUNTED.exec(id) ?? []
  const [, otherFrom, otherCount, otherScope] = COUNTED.exec(other) ?? []
  if (!count || !otherCount || from !== otherFrom || scope !== otherScope) return false
  // Compared as text: they may be larger than a number holds.
  return count.length === otherCount.length ? count <= otherCount : count.length < otherCount.length
}
