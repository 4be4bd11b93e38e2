// Every package-lock.json must hold the optionalDependencies of each package in it.
//
// Platform binaries (rollup, oxlint, esbuild, sharp, ...) are optionalDependencies. Where a registry lags behind for one of
// them, `npm install` writes a lock without it, and `npm ci` then refuses that lock on every machine with "Missing: ... from
// lock file". Seen here, it is one line with a remedy instead of a red build somewhere else.
import { readFileSync } from 'node:fs'
import { findFiles, shown } from './lib/files.mjs'
import { finish } from './lib/report.mjs'

const problems = []
let compared = 0

const locks = findFiles((name) => name === 'package-lock.json')
for (const path of locks) {
  const { packages = {} } = JSON.parse(readFileSync(path, 'utf8'))
  const before = compared
  for (const [place, { version, resolved, link, optionalDependencies = {} }] of Object.entries(packages)) {
    const here = `${shown(path)}: ${place || 'the project itself'}`
    // Who installs from another registry or a mirror must not be sent to ours. A link's `resolved` is a folder.
    if (resolved !== undefined && !link)
      problems.push(`${here} names where it was fetched: ${resolved} (npm writes none with the .npmrc of this project)`)
    for (const name of Object.keys(optionalDependencies)) {
      compared++
      if (!reachable(packages, place, name)) {
        problems.push(
          `${here}@${version} wants ${name}@${optionalDependencies[name]}, which is not in the lock: pin a version whose binaries are all published (or use \`overrides\`)`,
        )
      }
    }
  }
  console.log(`${shown(path)}: ${Object.keys(packages).length} packages, ${compared - before} optional dependencies`)
}

if (locks.length === 0) problems.push('found no package-lock.json')
if (compared === 0) problems.push('compared no optional dependency: has the format of the lock changed?')
finish(problems, `${locks.length} locks hold all of their ${compared} optional dependencies`)

/** Node's look-up: in the package's own node_modules, then in those of each folder above it. */
function reachable(packages, place, name) {
  for (let folder = place; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules') - 1))) {
    if (packages[`${folder ? `${folder}/` : ''}node_modules/${name}`]) return true
    if (folder === '') return false
  }
}
