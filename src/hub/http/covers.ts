import { selects, type Selector } from '../../protocol/topic.js'

/** Whether what is asked for is allowed: a name by a selector that names or matches it, a pattern by one that covers all of it. */
export function allows(granted: readonly Selector[], asked: Selector): boolean {
  return typeof asked === 'string' ? selects(granted, asked) : granted.some((one) => covers(String(one), String(asked)))
}

/**
 * Whether whatever topic the asked pattern matches, the granted one matches. By their texts: `*` and `**` are in no name.
 *
 * One pattern must cover it by itself: `*` and `*` + `/**` together would cover `**`, and are not counted together.
 */
export function covers(granted: string, asked: string): boolean {
  const wanted = asked.split('/')
  const given = granted.split('/')
  for (const [at, segment] of given.entries()) {
    const other = wanted[at]
    if (other === undefined) return false
    // All the rest, one segment or more.
    if (segment === '**') return true
    if (other === '**' || (segment !== '*' && segment !== other)) return false
  }
  return wanted.length === given.length
}
