export { collect } from './collect.js'
export type { CollectOptions } from './collect.js'
