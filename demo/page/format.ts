const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })

/** A time of day to the second, like `14:05:09`. */
export function timeOf(date: Date): string {
  return clock.format(date)
}

/** Bytes for people, like `1.2 kB`. */
export function bytes(count: number): string {
  if (count < 1_000) return `${count} B`
  if (count < 1_000_000) return `${(count / 1_000).toFixed(1)} kB`
  return count < 1e9 ? `${(count / 1e6).toFixed(1)} MB` : `${(count / 1e9).toFixed(2)} GB`
}

/** A wait, rounded up to whole seconds: `58 s`, `2 min 5 s`. */
export function seconds(milliseconds: number): string {
  const all = Math.max(0, Math.ceil(milliseconds / 1_000))
  return all < 100 ? `${all} s` : `${Math.floor(all / 60)} min ${all % 60} s`
}
