/** Where a stream's wire text goes: a Node response, a Fetch body. It pulls the stream whenever it can take more. */
export interface Sink {
  write(text: string): void
  end(): void
  /** Whether the client has taken all there was: only then is a keep-alive of use. */
  isWaiting(): boolean
}
