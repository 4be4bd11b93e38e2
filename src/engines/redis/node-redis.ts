import { unlessAborted } from '../../util/wait.js'
import { NotSentError, type Connect } from './connection.js'

type Listen = (message: string, channel: string) => void

interface Client {
  readonly isReady: boolean
  readonly options?: { readonly socket?: object } | undefined
  duplicate(overrides: object): Client
  on(event: 'error' | 'end' | 'connect', listener: (error?: unknown) => void): unknown
  connect(): Promise<unknown>
  sendCommand(args: readonly string[]): Promise<unknown>
  subscribe(channels: readonly string[], listener: Listen): Promise<unknown>
  pSubscribe(patterns: readonly string[], listener: Listen): Promise<unknown>
  unsubscribe(channels: readonly string[]): Promise<unknown>
  pUnsubscribe(patterns: readonly string[]): Promise<unknown>
  destroy(): void
}

/** Connections by node-redis. */
export function nodeRedis(client: Client): Connect {
  return async ({ onMessage, onClose }, signal) => {
    const own = client.duplicate({
      socket: { ...client.options?.socket, reconnectStrategy: false, connectTimeout: 5000, socketTimeout: undefined },
      disableOfflineQueue: true,
      // Replies as text, whatever the caller's client makes of them.
      commandOptions: { timeout: undefined },
      commandsQueueMaxLength: undefined,
      pingInterval: undefined,
      keyPrefix: undefined,
      clientSideCache: undefined,
      readonly: false,
    })
    own.on('error', onClose)
    own.on('end', () => onClose(new Error('The connection was closed')))
    const destroy = (): void => {
      try {
        own.destroy()
      } catch {
        // It says so when it is closed already.
      }
    }
    // While its socket isn't open it can't be destroyed, and would be there later.
    let isThere = false
    own.on('connect', () => {
      isThere = true
      if (signal.aborted) destroy()
    })
    try {
      await unlessAborted(own.connect(), signal)
    } catch (error) {
      if (isThere) destroy()
      throw error
    }
    const listen: Listen = (message, channel) => onMessage(channel, message)
    return {
      send: (args) => (own.isReady ? own.sendCommand(args) : Promise.reject(new NotSentError())),
      subscribe: (kind, names) => (kind === 'channel' ? own.subscribe(names, listen) : own.pSubscribe(names, listen)),
      unsubscribe: (kind, names) => (kind === 'channel' ? own.unsubscribe(names) : own.pUnsubscribe(names)),
      destroy,
    }
  }
}
