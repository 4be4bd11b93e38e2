import { posix } from 'node:path'
import { parseSync } from 'oxc-parser'

/**
 * Which folder of src/ may import from which (besides itself and errors.ts): the floors of docs/ARCHITECTURE.md. A name that ends in
 * `.ts` allows that one file, `types of` only what is gone after compiling.
 */
const MAY_IMPORT: Record<string, readonly string[]> = {
  protocol: [],
  util: [],
  respond: ['protocol', 'util'],
  client: ['protocol', 'util'],
  engines: ['protocol', 'util'],
  hub: ['engines/engine.ts', 'engines/nodes.ts', 'engines/memory.ts', 'respond', 'protocol', 'util'],
  adapters: ['respond', 'protocol'],
  react: ['client', 'protocol'],
  testing: ['types of engines', 'respond', 'protocol', 'util'],
  cli: ['adapters', 'client', 'engines', 'hub', 'protocol', 'react', 'respond', 'testing', 'util', 'index.ts', 'node.ts'],
}

/** Code for browsers, workers and other runtimes: neither it nor anything it reaches may need Node. */
const RUNS_ANYWHERE = [/^index\.ts$/, /^protocol\//, /^client\//, /^react\//, /^respond\/response\.ts$/, /^hub\//, /^engines\/[^/]*\.ts$/]

/** Optional peer dependencies, and the only folders that may import them. */
const PEERS: Record<string, readonly string[]> = {
  lmdb: ['engines/disk/'],
  jose: ['cli/'],
  // The engine takes a client that somebody else has made.
  redis: ['cli/'],
  ioredis: ['cli/'],
}

/** What all engines share: the contract, and parts for any of them. */
const SHARED = ['engines/engine.ts', 'engines/nodes.ts', 'engines/watchers.ts', 'engines/arrays.ts']

interface Import {
  readonly file: string
  readonly specifier: string
  readonly typeOnly: boolean
}

interface Report {
  readonly files: number
  readonly imports: number
  readonly problems: readonly string[]
}

/** Reads the imports of the sources (path below src/ -> text) and tells which break the floors. */
export function checkFloors(sources: ReadonlyMap<string, string>): Report {
  const problems: string[] = []
  const imports: Import[] = []
  for (const [file, text] of sources) {
    const { program, errors } = parseSync(file, text)
    for (const error of errors) problems.push(`${file} can't be read: ${error.message}`)
    if (isEntry(file))
      problems.push(
        ...program.body
          .filter((node) => !isReExport(node))
          .map((node) => `${file} is an entry and may only re-export, but has: ${text.slice(node.start, node.end).split('\n')[0]}`),
      )
    const found = importsIn(program)
    for (const { specifier, typeOnly } of found) imports.push({ file, specifier, typeOnly })
  }

  for (const item of imports) problems.push(...problemsOf(item, sources))
  for (const file of sources.keys()) {
    const folder = folderOf(file)
    if (folder !== '' && !Object.hasOwn(MAY_IMPORT, folder))
      problems.push(`${file}: the folder ${folder}/ stands on no floor; give it one in test/floors.ts and docs/ARCHITECTURE.md`)
    if (RUNS_ANYWHERE.some((pattern) => pattern.test(file))) problems.push(...nodeReachedFrom(file, imports, sources))
  }
  if (sources.size === 0) problems.push('found no source file')
  if (imports.length === 0) problems.push('found no import')
  return { files: sources.size, imports: imports.length, problems }
}

function problemsOf({ file, specifier, typeOnly }: Import, sources: ReadonlyMap<string, string>): string[] {
  const from = folderOf(file)
  const said = `${file} imports ${specifier}`
  if (specifier.startsWith('node:')) return file === 'errors.ts' ? [`${said}, but errors.ts imports nothing`] : []
  if (!specifier.startsWith('.')) {
    const allowed = PEERS[packageOf(specifier)]?.some((folder) => `${file}/`.startsWith(folder))
    return allowed ? [] : [`${said}: the package has no dependencies, and this is no optional peer of ${from || 'src'}/`]
  }
  const to = target(file, specifier)
  if (!sources.has(to)) return [`${said}, which is no source file (relative imports name the .js file)`]
  if (file === 'errors.ts') return [`${said}, but errors.ts imports nothing`]
  if (to === 'errors.ts' || isEntry(file)) return []
  if (from === 'engines' && folderOf(to) === 'engines') {
    const own = to.split('/')[1] === file.split('/')[1]
    return own || SHARED.includes(to) || file === 'engines/index.ts' ? [] : [`${said}: an engine must not import another engine`]
  }
  if (from === folderOf(to)) return []
  const allowed = (MAY_IMPORT[from] ?? []).some(
    (name) => name === to || name === folderOf(to) || (typeOnly && name === `types of ${folderOf(to)}`),
  )
  return allowed ? [] : [`${said}: ${from}/ must not import ${isEntry(to) ? to : `${folderOf(to)}/`}`]
}

/** Follows the imports from a file and tells the first one of Node. */
function nodeReachedFrom(start: string, imports: readonly Import[], sources: ReadonlyMap<string, string>): string[] {
  const way = new Map([[start, start]])
  for (const [file, path] of way) {
    for (const { specifier } of imports.filter((item) => item.file === file)) {
      if (specifier.startsWith('node:')) return [`${start} must run anywhere, but reaches ${specifier}: ${path}`]
      const to = target(file, specifier)
      if (specifier.startsWith('.') && sources.has(to) && !way.has(to)) way.set(to, `${path} > ${to}`)
    }
  }
  return []
}

/** A file directly in src/ is an entry of the package: a list of names, no code. */
function isEntry(file: string): boolean {
  return folderOf(file) === '' && file !== 'errors.ts'
}

function folderOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : ''
}

function target(file: string, specifier: string): string {
  return posix.join(posix.dirname(file), specifier.replace(/\.js(x?)$/, '.ts$1'))
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

type Node = Record<string, unknown> & { readonly type: string }

function isReExport(node: { readonly type: string; readonly source?: unknown }): boolean {
  return /^Export(All|Named)Declaration$/.test(node.type) && Boolean(node.source)
}

/** Every way to name another module: import and export statements, `import()`, and `import('...')` in a type. */
function importsIn(program: object): { specifier: string; typeOnly: boolean }[] {
  const found: { specifier: string; typeOnly: boolean }[] = []
  visit(program, (node) => {
    const source = node['source'] ?? (node.type === 'TSExternalModuleReference' ? node['expression'] : undefined)
    if (
      !/^(Import(Declaration|Expression)|Export(All|Named)Declaration|TSImportType|TSExternalModuleReference)$/.test(node.type) ||
      !isNode(source)
    )
      return
    // `import(name)`: nobody can tell what it reaches, so that it breaks the rules as a package without a name would.
    const specifier = typeof source['value'] === 'string' ? source['value'] : '(computed)'
    found.push({ specifier, typeOnly: isTypeOnly(node) })
  })
  return found
}

function isTypeOnly(node: Node): boolean {
  if (node.type === 'TSImportType' || node['importKind'] === 'type' || node['exportKind'] === 'type') return true
  const names = node['specifiers']
  return (
    Array.isArray(names) && names.length > 0 && names.every((name: Node) => name['importKind'] === 'type' || name['exportKind'] === 'type')
  )
}

function visit(value: unknown, see: (node: Node) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, see)
  } else if (isNode(value)) {
    see(value)
    for (const child of Object.values(value)) visit(child, see)
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}
