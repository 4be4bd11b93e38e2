let offset = 0
let best = Infinity

/** Takes a time that the server has told, and how long the answer took: the quicker the answer, the better it is known. */
export function setClock(serverTime: number, askedAt: number, answeredAt = Date.now()): void {
  const uncertain = (answeredAt - askedAt) / 2
  // A clock that was set meanwhile is worse than any slow answer.
  const moved = Math.abs(serverTime + uncertain - answeredAt - offset) > uncertain + best + 100
  if (uncertain > best && !moved) return
  best = uncertain
  offset = serverTime + uncertain - answeredAt
}

/** Milliseconds since 1970 by the server's clock, whatever this one says. */
export function serverNow(): number {
  return Date.now() + offset
}
