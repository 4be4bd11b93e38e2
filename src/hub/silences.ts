import { unheld } from '../util/wait.js'

/** What must not be silent for too long. */
export interface Silent {
  /** In milliseconds; it doesn't change. */
  readonly silence: number
  /** Called several times in that time. */
  listen(): void
}

export interface Silences {
  add(reader: Silent): void
  remove(reader: Silent): void
}

/** How often each is looked at within the time that it may be silent. */
export const LOOKS = 4

/** One timer for all that may be silent equally long: mostly for all. */
export function createSilences(): Silences {
  const bySilence = new Map<number, { readonly readers: Set<Silent>; readonly timer: ReturnType<typeof setInterval> }>()
  return {
    add(reader) {
      const { silence } = reader
      let group = bySilence.get(silence)
      if (!group) {
        const readers = new Set<Silent>()
        const look = (): void => {
          for (const each of readers) each.listen()
        }
        const timer = unheld(setInterval(look, silence / LOOKS))
        bySilence.set(silence, (group = { readers, timer }))
      }
      group.readers.add(reader)
    },
    remove(reader) {
      const group = bySilence.get(reader.silence)
      group?.readers.delete(reader)
      if (group?.readers.size !== 0) return
      clearInterval(group.timer)
      bySilence.delete(reader.silence)
    },
  }
}
