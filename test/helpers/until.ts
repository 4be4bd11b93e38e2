/** Waits until a check gives something true, and returns it. Throws with the last thing it gave, or threw, after `within` milliseconds. */
export async function until<T>(what: string, check: () => T | Promise<T>, within = 30_000): Promise<NonNullable<T>> {
  const end = performance.now() + within
  let last: unknown
  for (;;) {
    try {
      const value = await check()
      if (value) return value
      last = value
    } catch (error) {
      last = error
    }
    if (performance.now() > end) throw new Error(`Not within ${within} ms: ${what}; at last: ${String(last)}`, { cause: last })
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
