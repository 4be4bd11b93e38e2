/** What a run has seen. */
export interface CrashSummary {
  readonly rounds: number
  readonly gapRounds: number
  readonly clients: number
  readonly kills: number
  /** Those that came while a publish was under way. */
  readonly killsInPublish: number
  readonly acknowledged: number
  /** Publishes that had no answer, and were sent again with the same key. */
  readonly repeated: number
  readonly delivered: number
  readonly reconnects: number
  readonly gaps: number
  /** Items that readers didn't get, each in a gap that they were told of. */
  readonly missing: number
}

export interface CrashOptions {
  readonly rounds?: number
  readonly gapRounds?: number
  readonly clients?: number
  readonly onRound?: (seen: { readonly round: number; readonly summary: CrashSummary }) => void
}

export function crash(options?: CrashOptions): Promise<CrashSummary>
