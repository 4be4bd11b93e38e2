import { createRequire } from 'node:module'
import type * as Lmdb from 'lmdb'
import { SseError } from '../../errors.js'

/** The optional peer, asked for by `require`: an `import` that fails says what is missing, but not what to do. */
export const { open } = load()

function load(): typeof Lmdb {
  try {
    return createRequire(import.meta.url)('lmdb') as typeof Lmdb
  } catch (cause) {
    throw new SseError('SSE_ENGINE', 'The disk engine needs the package `lmdb`: npm install lmdb', { cause })
  }
}
