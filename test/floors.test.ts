import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { checkFloors } from './floors.js'

const src = fileURLToPath(new URL('../src', import.meta.url))

test('every file of src/ stands on its floor', () => {
  const { files, imports, problems } = checkFloors(sourcesOf(src))
  expect(problems).toEqual([])
  // What is there today, roughly: a reader that has gone blind must not pass.
  expect(files).toBeGreaterThan(8)
  expect(imports).toBeGreaterThan(files)
})

describe('the check itself', () => {
  const sound = {
    'errors.ts': 'export class SseError extends Error {}',
    'index.ts': "export { sse } from './respond/response.js'\nexport type { Item } from './protocol/item.js'",
    'protocol/item.ts': "import { SseError } from '../errors.js'\nexport interface Item { error: SseError }",
    'util/queue.ts': 'export const queue = 1',
    'respond/response.ts': "import {\n  type Item,\n} from '../protocol/item.js'\nexport const sse = (item: Item) => item",
    'respond/node.ts':
      "import type { Socket } from 'node:net'\nimport { sse } from './response.js'\nexport const send = (to: Socket) => sse",
    'engines/engine.ts': 'export interface Engine { open(): void }',
    'engines/memory.ts': "import type { Engine } from './engine.js'\nexport const memoryEngine = (): Engine | null => null",
    'engines/disk/index.ts': "export * from './file.js'",
    'engines/disk/file.ts': "import type { Engine } from '../engine.js'\nexport const diskEngine = (): Engine | null => null",
    'hub/hub.ts': "import { memoryEngine } from '../engines/memory.js'\nexport const hub = memoryEngine",
    'testing/engine.ts': "import type { Engine } from '../engines/engine.js'\nexport const testEngine = (engine: Engine) => engine",
  }

  test('has nothing to say about a sound tree', () => {
    expect(checkFloors(new Map(Object.entries(sound)))).toEqual({ files: 12, imports: 11, problems: [] })
  })

  test.each<[string, Record<string, string>, string]>([
    [
      'a folder that imports one above it',
      { 'protocol/item.ts': "import { queue } from '../util/queue.js'" },
      'protocol/ must not import util/',
    ],
    [
      'a type that comes from above',
      { 'util/queue.ts': "import type { Item } from '../protocol/item.js'" },
      'util/ must not import protocol/',
    ],
    [
      'an import over several lines',
      { 'util/queue.ts': "import {\n  // why\n  type Item,\n} from '../protocol/item.js'" },
      'util/ must not import protocol/',
    ],
    ['a re-export from above', { 'util/queue.ts': "export * from '../protocol/item.js'" }, 'util/ must not import protocol/'],
    [
      'a dynamic import from above',
      { 'util/queue.ts': "export const item = () => import('../protocol/item.js')" },
      'util/ must not import protocol/',
    ],
    [
      'an import inside a type',
      { 'util/queue.ts': "export type I = import('../protocol/item.js').Item" },
      'util/ must not import protocol/',
    ],
    ['a computed import', { 'util/queue.ts': 'export const load = (name: string) => import(name)' }, 'imports (computed)'],
    ['an import of an entry', { 'hub/hub.ts': "import { sse } from '../index.js'" }, 'hub/ must not import index.ts'],
    [
      'an engine in the hub that is not the built-in one',
      { 'hub/hub.ts': "import { diskEngine } from '../engines/disk/file.js'" },
      'hub/ must not import engines/',
    ],
    [
      'an engine that imports another',
      { 'engines/memory.ts': "import { diskEngine } from './disk/file.js'" },
      'an engine must not import another engine',
    ],
    [
      'testing that needs an engine at run time',
      { 'testing/engine.ts': "import { memoryEngine } from '../engines/memory.js'" },
      'testing/ must not import engines/',
    ],
    [
      'code in an entry',
      { 'index.ts': "export { sse } from './respond/response.js'\nexport const version = 1" },
      'may only re-export, but has: export const version = 1',
    ],
    [
      'an import in an entry',
      { 'node.ts': "import { sse } from './respond/response.js'\nexport { sse }" },
      'may only re-export, but has: import',
    ],
    ['errors.ts that imports', { 'errors.ts': "import type { Item } from './protocol/item.js'" }, 'errors.ts imports nothing'],
    ['a dependency', { 'respond/node.ts': "import { parse } from '@scope/package/sub'" }, 'the package has no dependencies'],
    [
      'Node in the protocol',
      { 'protocol/item.ts': "import { Buffer } from 'node:buffer'" },
      'protocol/item.ts must run anywhere, but reaches node:buffer',
    ],
    [
      'a type of Node in the client',
      { 'client/connect.ts': "import type { Socket } from 'node:net'" },
      'client/connect.ts must run anywhere',
    ],
    [
      'Node behind the Fetch response',
      { 'respond/response.ts': "import '../util/queue.js'", 'util/queue.ts': "import 'node:timers'" },
      'respond/response.ts > util/queue.ts',
    ],
    ['Node behind the main entry', { 'index.ts': "export * from './respond/node.js'" }, 'index.ts must run anywhere, but reaches node:net'],
    ['a folder without a floor', { 'helpers/text.ts': 'export {}' }, 'helpers/ stands on no floor'],
    ['a file that is not there', { 'hub/hub.ts': "import '../respond/gone.js'" }, 'which is no source file'],
    ['a file that is no TypeScript', { 'hub/hub.ts': 'import {' }, "hub/hub.ts can't be read"],
  ])('reports %s', (_, broken, problem) => {
    const { problems } = checkFloors(new Map(Object.entries({ ...sound, ...broken })))
    expect(problems).toEqual(expect.arrayContaining([expect.stringContaining(problem)]))
  })

  test('reports that it found no files, or no imports', () => {
    expect(checkFloors(new Map()).problems).toEqual(['found no source file', 'found no import'])
    expect(checkFloors(new Map([['errors.ts', 'export {}']])).problems).toEqual(['found no import'])
  })
})

/** The sources by their path below the folder; tests may import what they like. */
function sourcesOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !/\.(test|test-d)\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
  return new Map(files.sort().map((file) => [relative(folder, file).split(sep).join('/'), readFileSync(file, 'utf8')]))
}
