/** What a subscription is for: one channel by its name, or all that match a glob. */
export type Kind = 'channel' | 'pattern'

/** What was to be sent never was: the connection had ended already. */
export class NotSentError extends Error {
  override readonly name = 'NotSentError'

  constructor() {
    super('The connection was closed')
  }
}

/** A connection of this engine's own: commands are written at once, in order, and never a second time. */
export interface Connection {
  /** Rejects with a NotSentError where nothing was written. */
  send(args: readonly string[]): Promise<unknown>
  subscribe(kind: Kind, names: readonly string[]): Promise<unknown>
  unsubscribe(kind: Kind, names: readonly string[]): Promise<unknown>
  /** At once: what has no answer yet rejects. */
  destroy(): void
}

interface ConnectionEvents {
  onMessage(channel: string, message: string): void
  /** The connection is lost, or was destroyed. May be called more than once. */
  onClose(reason: unknown): void
}

/** Opens a connection to where the client leads. Rejects when that can't be reached, or as soon as the signal aborts: nothing of it is left then. */
export type Connect = (events: ConnectionEvents, signal: AbortSignal) => Promise<Connection>
