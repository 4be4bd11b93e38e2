import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

describe('docs/ARCHITECTURE.md', () => {
  const text = read('docs/ARCHITECTURE.md')
  const sources = files('src', (name) => name.endsWith('.ts') && !/\.test(-d)?\.ts$/.test(name))

  test('there are sources to map', () => expect(sources.length).toBeGreaterThan(20))

  test.each(sources)('maps %s', (path) => {
    // An entry that only re-exports is named by what one imports.
    const entry = path === 'src/index.ts' ? '`server-sent`' : `server-sent/${path.split('/')[1]}`
    const name = path.endsWith('/index.ts') ? entry : path.split('/').at(-1)
    expect(text).toContain(name)
  })

  test('names no file that is gone', () => {
    const named = [...text.matchAll(/`([a-z][a-z-]*\.ts)`/g)].map(([, name]) => name as string)
    expect(named.length).toBeGreaterThan(15)
    const existing = new Set(files('.', (name) => name.endsWith('.ts')).map((path) => path.split('/').at(-1)))
    expect(named.filter((name) => !existing.has(name))).toEqual([])
  })
})

describe('docs/errors.md', () => {
  const codes = [...read('src/errors.ts').matchAll(/\| '(SSE_[A-Z_]+)'/g)].map(([, code]) => code as string)

  test('there are codes', () => expect(codes.length).toBeGreaterThan(5))

  test.each(codes)('has a heading for %s', (code) => {
    expect(read('docs/errors.md')).toContain(`\n## ${code}\n`)
  })
})

describe('docs/security.md', () => {
  const text = read('docs/security.md')
  const rows = text.split('\n').filter((line) => line.startsWith('| **'))
  // [file](path) "name" · "name" · [file](path) "name"
  const tests = rows.flatMap((row) => {
    const [, ...parts] = (row.split(' | ').at(-1) as string).split(/\]\(\.\.\//)
    return parts.flatMap((part) =>
      [...part.matchAll(/"([^"]+)"/g)].map(([, name]) => [part.split(')')[0] as string, name as string] as const),
    )
  })

  test('has threats', () => expect(rows.length).toBeGreaterThan(15))

  test.each(rows)('names a test for each: %s', (row) => {
    expect(row.split(' | ')).toHaveLength(3)
    expect(row.split(' | ')[2]).toMatch(/\]\(\.\.\/\S+\.(test|cases)\.ts\) "/)
  })

  test('has tests', () => expect(tests.length).toBeGreaterThan(25))

  test.each(tests)('%s has the test %j', (file, name) => {
    expect(read(file)).toContain(name)
  })
})

describe('every page', () => {
  const pages = files('.', (name) => name.endsWith('.md'))
  const links = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target]) => [page, target as string] as const)
      .filter(([, target]) => !/^[a-z]+:/.test(target)),
  )

  test('there are links', () => expect(links.length).toBeGreaterThan(5))

  test.each(links)('%s links to %s, which is there', (page, target) => {
    const [path = '', anchor] = target.split('#')
    const file = path === '' ? page : join(dirname(page), path)
    expect(existsSync(join(root, file))).toBe(true)
    expect(anchor === undefined || headings(read(file)).includes(anchor)).toBe(true)
  })

  test('names only npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const named = pages.flatMap((page) => [...read(page).matchAll(/npm run ([a-z:-]+)/g)].map(([, name]) => name as string))
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })
})

/** The anchors that a page's headings make. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    (heading as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  )
}

function files(folder: string, wanted: (name: string) => boolean): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return ['node_modules', 'dist', '.git', '.next', 'coverage'].includes(entry.name) ? [] : files(path, wanted)
    return wanted(entry.name) ? [relative(root, join(root, path)).split(sep).join('/')] : []
  })
}
