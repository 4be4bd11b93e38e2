export { collect } from './collect.js'
export type { CollectOptions } from './collect.js'
export { formatVectors, parseVectors } from './vectors.js'
export type { FormatVector, ParseVector } from './vectors.js'
