/**
 * How many milliseconds a Retry-After header asks to wait, `undefined` when it doesn't say. Both forms: seconds, and a date, which is
 * taken against the answer's own Date where it can be seen, because the clock here may be wrong.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function retryAfter(headers: Headers, now: number = Date.now()): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? ''
  // "Retry-After = HTTP-date / delay-seconds", "delay-seconds = 1*DIGIT"
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const wait = parseDate(value) - (parseDate(headers.get('date') ?? '') || now)
  return Number.isNaN(wait) ? undefined : Math.max(wait, 0)
}

/** "IMF-fixdate", or one of the two "obsolete formats" that "a recipient MUST accept": the day of the week, and GMT even where it isn't said. */
function parseDate(text: string): number {
  return /^[FMSTW][a-z]+,? /.test(text) ? Date.parse(text.replace(/( GMT)?$/, ' GMT')) : NaN
}
