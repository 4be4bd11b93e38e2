// How far the server's clock is ahead of this one lies between these two.
let least = -Infinity
let most = Infinity

/**
 * Takes a time that the server has told in an answer: it was neither before the question nor after the answer. Each answer narrows down
 * what the server's clock shows; a quick one knows it best.
 */
export function setClock(serverTime: number, askedAt: number, answeredAt = Date.now()): void {
  narrow(serverTime - answeredAt, serverTime - askedAt)
}

/** Takes the time of an event: it was before now. */
export function noteClock(serverTime: number): void {
  narrow(serverTime - Date.now(), Infinity)
}

/** Milliseconds since 1970 by the server's clock, whatever this one says. */
export function serverNow(): number {
  return Date.now() + (Number.isFinite(most - least) ? (least + most) / 2 : 0)
}

/** By how many milliseconds it may be wrong. */
export function clockDoubt(): number {
  return (most - least) / 2
}

function narrow(from: number, to: number): void {
  least = Math.max(least, from)
  most = Math.min(most, to)
  // That can't be: a clock was set meanwhile. What is newest counts.
  if (least > most) [least, most] = to === Infinity ? [from, from] : [from, to]
}
