import type { Handler } from '../http.js'
import type { Store } from './store.js'

/** A handler of a store that is open. */
export type StoreHandler = (store: Store, ...args: Parameters<Handler>) => Promise<void>
