// Checks what would be published: the packed files themselves, not the folder they were packed from.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { withPacked } from './lib/pack.mjs'
import { tool } from './lib/process.mjs'
import { finish } from './lib/report.mjs'

const problems = []

await withPacked(async ({ tarball, unpacked }) => {
  const pkg = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'))
  const files = readdirSync(unpacked, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))

  const targets = [...targetsOf(pkg.exports), ...targetsOf(pkg.bin)]
  for (const target of targets) {
    if (!existsSync(join(unpacked, target)))
      problems.push(`package.json names ${target}, which is not in the package: run \`npm run build\` first?`)
  }
  if (targets.length === 0) problems.push('package.json exports nothing')

  for (const file of files) {
    const name = file.slice(unpacked.length + 1)
    if (/\.(test|test-d|bench)\./.test(name)) problems.push(`${name} is a test`)
    if (name.endsWith('.map'))
      problems.push(...lostSources(file).map((source) => `${name} points to ${source}, which is not in the package`))
    const map = /\.(js|d\.ts)$/.test(name) && /^\/\/# sourceMappingURL=(?!data:)(.+)$/m.exec(readFileSync(file, 'utf8'))?.[1]
    if (map && !existsSync(join(dirname(file), map))) problems.push(`${name} points to ${map}, which is not in the package`)
  }
  for (const name of ['README.md', 'LICENSE']) if (!existsSync(join(unpacked, name))) problems.push(`${name} is missing`)

  const { messages } = await publint({ pkgDir: unpacked, strict: true, pack: false })
  for (const message of messages.filter(({ type }) => type !== 'suggestion')) problems.push(`publint: ${formatMessage(message, pkg)}`)

  const subpaths = Object.keys(pkg.exports ?? {}).filter((subpath) => !subpath.endsWith('.json'))
  const { analysis, problems: typeProblems } = await attw(tarball)
  problems.push(...typeProblems)
  const looked = Object.keys(analysis?.entrypoints ?? {})
  for (const subpath of analysis ? subpaths : []) if (!looked.includes(subpath)) problems.push(`attw has not looked at ${subpath}`)

  if (problems.length === 0)
    console.log(`${files.length} files, ${targets.length} files named by package.json, ${looked.length} entry points with types`)
})

finish(problems, 'the package is what its package.json says')

/** Every path in a tree of conditions. */
function targetsOf(value) {
  if (typeof value === 'string') return [value]
  return Object.values(value ?? {}).flatMap(targetsOf)
}

/** Sources that a source map neither carries nor reaches. */
function lostSources(file) {
  const { sources, sourceRoot = '', sourcesContent = [] } = JSON.parse(readFileSync(file, 'utf8'))
  return sources.filter((source, index) => !sourcesContent[index] && !existsSync(join(dirname(file), sourceRoot, source)))
}

/** Do the types resolve as the code does, for every way of importing? ("esm-only": require() of a module is Node's affair since 20.19.) */
async function attw(tarball) {
  const look = (...format) => tool('@arethetypeswrong/cli', [tarball, '--profile', 'esm-only', ...format])
  try {
    return { analysis: JSON.parse(await look('--format', 'json')).analysis, problems: [] }
  } catch {
    // Once more, for its words to people.
    const words = await look('--format', 'ascii', '--no-color', '--no-emoji').catch(({ message }) => message)
    return { problems: [`attw: ${words}`] }
  }
}
