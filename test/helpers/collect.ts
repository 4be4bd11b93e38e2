import { collect as collectWithin } from '../../src/testing/collect.js'

/** `collect()` with more patience: its 5 s are for the suites of others, which know their machine. */
export const collect = ((stream: never, count: number, options?: object) =>
  collectWithin(stream, count, { within: 30_000, ...options })) as typeof collectWithin
