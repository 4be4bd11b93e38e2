/** A last event ID as the number it was sent as. None when it makes no sense or was never given out: then a client starts afresh. */
export function cursorOf(lastEventId: string, newest: number): number | undefined {
  const id = /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : Infinity
  return id <= newest ? id : undefined
}
