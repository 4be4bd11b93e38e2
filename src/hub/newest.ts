import type { Frame } from './frame.js'

/** Of several frames with the same key the last one, in order. */
export function newestOf(frames: readonly Frame[], keyOf: (frame: Frame) => string): Frame[] {
  const seen = new Set<string>()
  return frames
    .toReversed()
    .filter((frame) => {
      const key = keyOf(frame)
      if (seen.has(key)) return false
      seen.add(key)
      return true
    })
    .toReversed()
}
