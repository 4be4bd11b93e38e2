import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// Breaks the hub by hand, one place at a time, and looks whether its tests notice. It takes a minute or two: MUTATIONS=1 runs it.
const isWanted = process.env['MUTATIONS'] !== undefined

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Mutation {
  readonly name: string
  readonly file: string
  readonly find: string
  readonly put: string
}

const mutations: readonly Mutation[] = [
  {
    name: 'settling over a hole',
    file: 'tail.ts',
    find: 'if (item.seq === settled + 1 && !isLacking(item))',
    put: 'if (item.seq > settled && !isLacking(item))',
  },
  {
    name: 'no look at the items themselves for what was dropped',
    file: 'lost.ts',
    find: 'if (prev > after && prev > lost && last.get(topic) !== prev) lost = prev',
    put: 'void [prev, after]',
  },
  {
    name: 'no word of the engine for what was dropped',
    file: 'lost.ts',
    find: 'let lost = trimmed',
    put: 'let lost = trimmed * 0',
  },
  {
    name: 'no gap for what was dropped',
    file: 'reader.ts',
    find: 'if (page.trimmed > cursor && page.epoch === epoch)',
    put: 'if (page.trimmed > cursor && page.epoch === `${epoch}?`)',
  },
  {
    name: 'hints of another epoch taken for items',
    file: 'tail.ts',
    find: 'if (heard !== epoch) {',
    put: 'if (heard === `${epoch}?`) {',
  },
  {
    name: 'no look at the log when nothing is heard',
    file: 'tail.ts',
    find: 'if (!engine.supports.shared) return',
    put: 'if (engine.supports.shared || !engine.supports.shared) return',
  },
  {
    name: 'the ring taken for complete in topics that nobody followed',
    file: 'follows.ts',
    find: 'since: isReading ? Infinity : settledNow()',
    put: 'since: 0',
  },
  {
    name: 'the ring taken for complete in topics that a read under way leaves out',
    file: 'follows.ts',
    find: 'since: isReading ? Infinity : settledNow()',
    put: 'since: settledNow()',
  },
  {
    name: 'a reader live before its topics are followed',
    file: 'reader.ts',
    find: ' && follows.since(this.#interest) <= this.cursor',
    put: '',
  },
  {
    name: 'settling past what somebody follows and only its place was told of',
    file: 'tail.ts',
    find: 'if (isLacking(item)) break',
    put: '',
  },
  {
    name: 'positions of an old epoch kept for what is followed in the new one',
    file: 'follows.ts',
    find: 'for (const followed of byKey.values()) followed.since = 0',
    put: '',
  },
  {
    name: 'no look at the log for a position that the node has not heard of',
    file: 'reader.ts',
    find: 'if (cursor) await this.#ask(() => tail.reach(cursor))',
    put: '',
  },
  {
    name: 'pages of an old epoch read in the new one',
    file: 'pages.ts',
    find: 'entry.epoch === epoch && isFor',
    put: 'isFor',
  },
  {
    name: 'snapshots of an old epoch given out in the new one',
    file: 'snapshots.ts',
    find: 'flight?.epoch === now().epoch ? flight : undefined',
    put: 'flight',
  },
  {
    name: 'a snapshot that is asked for before its position',
    file: 'snapshots.ts',
    find: 'position: settled,',
    put: 'position: Infinity,',
  },
  {
    name: 'a page that is behind takes the reader back',
    file: 'reader.ts',
    find: 'Math.max(cursor, Math.min(page.through, tail.settled))',
    put: 'Math.min(page.through, tail.settled)',
  },
  {
    name: 'what is above the settled position written',
    file: 'reader.ts',
    find: 'Math.max(cursor, Math.min(page.through, tail.settled))',
    put: 'Math.max(cursor, page.through)',
  },
  {
    name: 'the cursor not told after a gap ahead of the node',
    file: 'reader.ts',
    find: ' || this.#tellAt !== NEVER',
    put: '',
  },
  {
    name: 'an id below what the group has written',
    file: 'reader.ts',
    find: 'if (this.slot >= 0) this.cursor = Math.max',
    put: 'if (this.slot < -1) this.cursor = Math.max',
  },
  {
    name: 'a loop dropped that has no connection to give up',
    file: 'reader.ts',
    find: 'this.behind > maxLag && this.#sink?.drop',
    put: 'this.behind > maxLag',
  },
  {
    name: 'pages of two epochs put together',
    file: 'expired.ts',
    find: 'if (other) return',
    put: 'if (!whole) return',
  },
  {
    name: 'nothing owed to whoever is cut off before its snapshot',
    file: 'cursor.ts',
    find: "owed: owed === '!'",
    put: 'owed: owed === undefined',
  },
  {
    name: 'any set of topics resumes with any id',
    file: 'reader.ts',
    find: "cursor.scope !== '' && cursor.scope !== this.#interest.scope",
    put: 'this.#hasLeft',
  },
]

let folder = ''

beforeAll(async () => {
  if (!isWanted) return
  folder = await mkdtemp(join(tmpdir(), 'server-sent-mutations-'))
  for (const part of ['src', 'package.json', 'tsconfig.json', 'vitest.config.ts'])
    await cp(join(root, part), join(folder, part), { recursive: true })
  await mkdir(join(folder, 'test'))
  for (const part of ['hub', 'helpers']) await cp(join(root, 'test', part), join(folder, 'test', part), { recursive: true })
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
})

afterAll(() => (folder === '' ? undefined : rm(folder, { recursive: true })))

/** The tests that fail, by name; the first that does is enough. */
function failing(files: readonly string[]): Promise<string[]> {
  return new Promise((resolve) => {
    const env = { ...process.env, MUTATIONS: undefined, NO_COLOR: '1', SOAK: '1' }
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--bail=1', '--reporter=verbose', ...files]
    execFile(process.execPath, args, { cwd: folder, env, timeout: 120_000 }, (_, stdout) => {
      resolve([...stdout.matchAll(/^ *× (.*?)(?: \d+ms)?$/gm)].map(([, name = '']) => name))
    })
  })
}

describe.runIf(isWanted)('the tests of the hub notice', () => {
  const files = [
    'test/hub/interleavings.test.ts',
    'test/hub/follows.test.ts',
    'test/hub/properties.test.ts',
    ...['cursor', 'hub', 'lost', 'pages', 'ring'].map((name) => `src/hub/${name}.test.ts`),
  ]

  test('nothing, when nothing is broken', { timeout: 180_000 }, async () => {
    expect(await failing(files)).toEqual([])
  })

  test.each(mutations)('$name', { timeout: 180_000 }, async ({ name, file, find, put }) => {
    const path = join(folder, 'src/hub', file)
    const sound = await readFile(path, 'utf8')
    expect(sound, `${file} has to have: ${find}`).toContain(find)
    await writeFile(path, sound.replaceAll(find, put))
    try {
      const names = await failing(files)
      console.info(`${name}: ${names.join('; ')}`)
      expect(names.length).toBeGreaterThan(0)
    } finally {
      await writeFile(path, sound)
    }
  })
})
