// The compiler never removes what it wrote for a file that is gone, and all of dist/ is published.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib/files.mjs'

rmSync(join(root, 'dist'), { recursive: true, force: true })
