/** Which principals are revoked while a request is on its way: from before it is known whose it is, until its stream has begun. */
export interface Revocations {
  revoke(principal: string): void
  watch(): Watch
}

export interface Watch {
  /** Whether the principal was revoked since the watch began, or was renewed. */
  has(principal: string | undefined): boolean
  renew(): void
  stop(): void
}

export function createRevocations(): Revocations {
  // Each has a list of its own, so that nothing is remembered once nobody is on the way.
  const watches = new Set<Set<string>>()
  return {
    revoke(principal) {
      for (const revoked of watches) revoked.add(principal)
    },
    watch() {
      const revoked = new Set<string>()
      watches.add(revoked)
      return {
        has: (principal) => principal !== undefined && revoked.has(principal),
        renew: () => revoked.clear(),
        stop: () => void watches.delete(revoked),
      }
    },
  }
}
