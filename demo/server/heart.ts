/** How often a reading is taken, in milliseconds. */
export const EVERY = 2_000

/** The simulated heart, in bpm (60 to 99): a function of time, so that every stream tells of the same one, also after a restart. */
export function heartRate(at = Date.now()): number {
  const seconds = at / 1000
  const slow =
    13 * Math.sin((seconds * 2 * Math.PI) / 67) + 5 * Math.sin((seconds * 2 * Math.PI) / 19)
  return Math.min(
    99,
    Math.max(60, Math.round(79 + slow + 5 * (noise(Math.floor(at / EVERY)) - 0.5))),
  )
}

/** A number in [0, 1) that looks random and is always the same for the same `n`. */
function noise(n: number): number {
  let hash = Math.imul(n ^ (n >>> 15), 0x2c1b3c6d)
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32
}
