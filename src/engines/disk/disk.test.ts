import { join } from 'node:path'
import { afterAll, describe, test } from 'vitest'
import { newFolder, removeFolders } from '../../../test/helpers/folders.js'
import { testEngine } from '../../testing/engine.js'
import { diskEngine } from './index.js'

afterAll(removeFolders)

describe.each(['fsync', 'process'] as const)('the disk engine with durability %s', (durability) => {
  let path = ''
  testEngine({
    test,
    createEngine: () => diskEngine({ path: (path = join(newFolder(), 'store')), durability }),
    reopen: () => diskEngine({ path, durability }),
  })
})
