const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/

/**
 * Whom a request is counted with: the address of its connection; behind a proxy that is trusted, the last one in X-Forwarded-For, which
 * that proxy has seen itself. Those before it anybody may have written.
 */
export function addressOf(headers: Headers, connection: string | undefined, trustProxy: boolean): string | undefined {
  const forwarded = trustProxy ? headers.get('x-forwarded-for')?.split(',').at(-1)?.trim() : undefined
  const address = forwarded ?? connection
  return address === undefined ? undefined : keyOfAddress(address)
}

/** Of IPv6 the first 64 bits, because one customer has all that begin with them. What is no address is a key by itself. */
export function keyOfAddress(text: string): string {
  const address = text
    // With a port, as some proxies write it.
    .replace(/^\[(.*)\](:\d+)?$/, '$1')
    .replace(/^(\d[\d.]*):\d+$/, '$1')
    .replace(/%.*$/, '')
    .replace(/^::ffff:(?=\d+\.)/i, '')
  if (IPV4.test(address)) return address
  const url = address.includes(':') && URL.canParse(`http://[${address}]`) ? new URL(`http://[${address}]`) : undefined
  return url ? prefixOf(url.hostname.slice(1, -1)) : address.slice(0, 64)
}

/** @param address As the URL standard writes it: lower case, no leading zeros, at most one `::`. */
function prefixOf(address: string): string {
  const [before = '', after] = address.split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after ? after.split(':') : []
  const zeros = after === undefined ? 0 : 8 - head.length - tail.length
  const groups = [...head, ...Array.from({ length: zeros }, () => '0'), ...tail]
  return `${groups.slice(0, 4).join(':')}::/64`
}
