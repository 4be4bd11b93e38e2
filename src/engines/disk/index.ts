export { diskEngine } from './disk.js'
export type { DiskOptions } from './disk.js'
