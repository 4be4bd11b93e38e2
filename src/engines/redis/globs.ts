import { isPattern, type Selector } from '../../protocol/topic.js'

/** The pattern in Lua's own language; the empty one matches all. */
export function luaOf({ text }: { readonly text: string }): string {
  if (text === '**') return ''
  const segments = text.split('/').map((segment) => {
    if (segment === '**') return '.+'
    return segment === '*' ? '[^/]+' : segment.replace(/\W/g, '%$&')
  })
  return `^${segments.join('/')}$`
}

/**
 * The channels of a selector's topics. Redis' `*` doesn't stop at a slash: a glob may match more than the pattern does, never less. Nothing
 * else that a topic may hold means something in a glob.
 */
export function channelOf(selector: Selector): { readonly kind: 'channel' | 'pattern'; readonly name: string } {
  return isPattern(selector) ? { kind: 'pattern', name: selector.text.replaceAll('**', '*') } : { kind: 'channel', name: selector }
}
