/** Counts of all nodes of the hub together: this one's of now, the others' of a second or two ago. */
export interface Stats {
  /** Readers. */
  readonly connections: number
  /** Topics with items among the newest that a node holds; one that several nodes hold counts once for each. */
  readonly topics: number
  /** Items published since the nodes that there are began. */
  readonly published: number
  /** Items handed to readers. */
  readonly delivered: number
  /** Gaps told. */
  readonly gaps: number
  /** Nodes, as far as this one knows: 1 where the engine's store is of one process or one machine, or can't be reached. */
  readonly nodes: number
}

export function sum(own: Stats, others: readonly Stats[]): Stats {
  if (others.length === 0) return own
  const all = [own, ...others]
  const of = (name: keyof Stats): number => all.reduce((total, stats) => total + stats[name], 0)
  return {
    connections: of('connections'),
    topics: of('topics'),
    published: of('published'),
    delivered: of('delivered'),
    gaps: of('gaps'),
    nodes: all.length,
  }
}
