export function createItems(topics: number): {
  next(of: { readonly size: number; readonly stamp: number; readonly asOne: boolean }): { readonly topic: string; readonly data: string }
}
export function publishAll(
  store: () => Promise<unknown>,
  options: { readonly inFlight: number; readonly count: number; readonly within: number; readonly step?: number },
): Promise<{ readonly count: number; readonly time: number; readonly waits: Float64Array }>
export function quantile(sorted: Float64Array, share: number): number
