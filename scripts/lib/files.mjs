import { readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

const notOurs = new Set(['node_modules', '.git', 'dist', 'coverage', '.next'])

/** Files of the project below `folder` whose name passes, as absolute paths in a stable order. Searched, so that no list can go stale. */
export function findFiles(passes, folder = root) {
  const found = []
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (!notOurs.has(entry.name)) found.push(...findFiles(passes, path))
    } else if (passes(entry.name)) {
      found.push(path)
    }
  }
  return found.sort()
}

/** The path as people write it in this project: from the root, with slashes on every system. */
export function shown(path) {
  return relative(root, path).split(sep).join('/') || '.'
}
