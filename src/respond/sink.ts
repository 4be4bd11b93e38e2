/** Where a stream's wire text goes: a Node response, a Fetch body. It pulls the stream whenever it can take more. */
export interface Sink {
  write(text: string): void
  end(): void
}
