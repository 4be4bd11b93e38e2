import { unlessAborted } from '../../util/wait.js'
import { NotSentError, type Connect } from './connection.js'

interface Client {
  readonly status: string
  readonly options?: { readonly db?: number | undefined } | undefined
  readonly stream?: { readonly writable: boolean; destroy(): void } | undefined
  duplicate(overrides: object): Client
  on(event: 'error' | 'close' | 'end', listener: (error?: unknown) => void): unknown
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  on(event: 'pmessage', listener: (pattern: string, channel: string, message: string) => void): unknown
  connect(): Promise<unknown>
  call(command: string, ...args: readonly string[]): Promise<unknown>
  subscribe(...channels: readonly string[]): Promise<unknown>
  psubscribe(...patterns: readonly string[]): Promise<unknown>
  unsubscribe(...channels: readonly string[]): Promise<unknown>
  punsubscribe(...patterns: readonly string[]): Promise<unknown>
  disconnect(): void
}

/** Connections by ioredis. */
export function ioRedis(client: Client): Connect {
  return async ({ onMessage, onClose }, signal) => {
    const own = client.duplicate({
      lazyConnect: true,
      connectTimeout: 5000,
      retryStrategy: null,
      // It would look for one for ever, also when nobody waits for it any more.
      sentinelRetryStrategy: null,
      reconnectOnError: null,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      enableAutoPipelining: false,
      maxRetriesPerRequest: null,
      commandTimeout: undefined,
      socketTimeout: undefined,
      keyPrefix: '',
      readOnly: false,
      stringNumbers: false,
    })
    let reason: unknown
    own.on('error', (error) => (reason = error))
    own.on('close', () => onClose(reason ?? new Error('The connection was closed')))
    own.on('message', onMessage)
    own.on('pmessage', (_, channel, message) => onMessage(channel, message))
    const destroy = (): void => {
      own.disconnect()
      // By itself it would wait for the other side's goodbye.
      own.stream?.destroy()
    }
    try {
      await unlessAborted(own.connect(), signal)
      // It has asked already, but goes on in database 0 when that is refused.
      if (own.options?.db) await unlessAborted(own.call('SELECT', `${own.options.db}`), signal)
    } catch (error) {
      destroy()
      // "Connection is closed." doesn't say why it is.
      throw reason ?? error
    }
    return {
      send: ([command = '', ...args]) =>
        own.status === 'ready' && own.stream?.writable !== false ? own.call(command, ...args) : Promise.reject(new NotSentError()),
      subscribe: (kind, names) => (kind === 'channel' ? own.subscribe(...names) : own.psubscribe(...names)),
      unsubscribe: (kind, names) => (kind === 'channel' ? own.unsubscribe(...names) : own.punsubscribe(...names)),
      destroy,
    }
  }
}
