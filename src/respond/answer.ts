import type { SseOptions } from './options.js'
import type { Items } from './source.js'

/** An event stream that is no Response yet: a server of Node writes it without a web stream in between. */
export interface StreamAnswer {
  readonly source: Items
  readonly options: SseOptions
}

/** What can answer a request so: a hub. By a name, as feeds are known, so that it may be the hub of another copy of this package. */
export interface Answerer {
  /** @param address Of the connection's other end. */
  '~answer'(request: Request, address?: string): Promise<Response | StreamAnswer>
}
