import { execFile } from 'node:child_process'
import { cpSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { diskEngine } from 'server-sent/engines/disk'
import { afterAll, describe, expect, test } from 'vitest'
import { newFolder, removeFolders } from '../helpers/folders.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

afterAll(removeFolders)

/** Runs a module in a process of its own; `folder` is where it imports from. */
async function run(code: string, folder = root): Promise<{ stdout: string; stderr: string; code: number }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: folder,
      timeout: 60_000,
    })
    return { stdout, stderr, code: 0 }
  } catch (error) {
    const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number }
    return { stdout, stderr, code }
  }
}

describe('a process with a disk engine', () => {
  test('ends by itself when it has nothing else to do, also without close()', async () => {
    const path = newFolder()
    const { stdout, stderr, code } = await run(`
      import { diskEngine } from 'server-sent/engines/disk'
      const engine = diskEngine({ path: ${JSON.stringify(path)} })
      await engine.open()
      engine.watch(() => {}, () => {})
      const { seq } = await engine.append('a', { data: 'x' }, { history: {} })
      console.log('stored', seq)
    `)
    expect({ stdout, stderr, code }).toEqual({ stdout: 'stored 1\n', stderr: '', code: 0 })
    const engine = diskEngine({ path })
    expect((await engine.open()).head).toBe(1)
    await engine.close()
  })

  test('stores what it appends, and another process reads it at once and hears of it', async () => {
    const path = newFolder()
    const engine = diskEngine({ path })
    await engine.open()
    const told: string[] = []
    const stop = engine.watch(
      (items) => void told.push(...items.map(({ fields }) => fields.data)),
      () => {},
    )
    const { stdout } = await run(`
      import { diskEngine } from 'server-sent/engines/disk'
      const engine = diskEngine({ path: ${JSON.stringify(path)} })
      // Enough for the map of the file to grow, in both processes.
      for (let at = 0; at < 40; at++)
        await engine.append(at % 2 ? 'passing' : 'kept', { data: at + 'x'.repeat(50_000) }, { history: at % 2 ? { size: 0 } : {} })
      console.log((await engine.read(['kept'], 0, { limit: 100, bytes: 1e9 })).head)
      await engine.close()
    `)
    expect(stdout).toBe('40\n')
    const { items } = await engine.read(['kept', 'passing'], 0, { limit: 100, bytes: 1e9 })
    expect(items).toHaveLength(20)
    await expect.poll(() => told.length).toBe(40)
    expect(told.map((data) => Number.parseInt(data, 10))).toEqual(Array.from({ length: 40 }, (_, at) => at))
    stop()
    await engine.close()
  })
})

test('without lmdb the import says what to install', async () => {
  const folder = newFolder()
  expect(existsSync(join(root, 'dist/engines/disk/index.js'))).toBe(true)
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const { stdout } = await run(
    `
      await import('./dist/engines/index.js')
      await import('./dist/engines/memory.js')
      await import('./dist/engines/disk/index.js').catch(({ name, code, message }) => console.log(name, code, message))
    `,
    folder,
  )
  expect(stdout).toBe('SseError SSE_ENGINE The disk engine needs the package `lmdb`: npm install lmdb\n')
})
