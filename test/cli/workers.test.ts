import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { collect } from '../helpers/collect.js'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { newFolder, removeFolders } from '../helpers/folders.js'
import { when } from '../helpers/servers.js'
import { runToEnd, startServer } from './process.js'

afterAll(removeFolders)

/** The processes that a process has started, as the kernel knows them. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number)
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1])
  } catch {
    // Ended meanwhile.
    return undefined
  }
}

test('several processes on one port have one store: what any of them takes, readers of all of them get', async () => {
  const { url, pid, signal, ended, stdout } = await startServer('--engine', `disk:${newFolder()}`, '--workers', '3')
  expect(stdout().match(/Listening on/g)).toHaveLength(1)
  expect(childrenOf(pid)).toHaveLength(3)
  // Connections go to the processes in turn.
  const readers = Array.from({ length: 9 }, () => collect(fetch(`${url}/events?topic=a&from=earliest`), 6))
  const ids = await Promise.all(
    Array.from({ length: 6 }, async (_, n) => {
      const answer = await fetch(`${url}/topics/a`, { method: 'POST', body: String(n), headers: { connection: 'close' } })
      return ((await answer.json()) as { id: string }).id
    }),
  )
  expect(new Set(ids.map((id) => id.split('-')[0])).size).toBe(1)
  for (const items of await Promise.all(readers)) expect(items.map(({ id }) => id).sort()).toEqual([...ids].sort())
  signal('SIGTERM')
  expect(await ended).toBe(0)
  expect(childrenOf(pid)).toEqual([])
})

test('a worker that is killed is replaced, and nothing is lost', async () => {
  const { url, pid, signal, ended } = await startServer('--engine', `disk:${newFolder()}`, '--workers', '2')
  // A connection of its own each time: one that was kept may be that of the process that is killed.
  const put = async (body: string): Promise<number> =>
    (await fetch(`${url}/topics/a`, { method: 'POST', body, headers: { connection: 'close' } })).status
  expect(await put('1')).toBe(201)
  // Not in the first second of its life: that would be taken for a fault of its own.
  await new Promise((resolve) => setTimeout(resolve, 1200))
  const [victim] = childrenOf(pid)
  process.kill(victim as number, 'SIGKILL')
  await when(() => childrenOf(pid).length === 2 && !childrenOf(pid).includes(victim as number))
  const items = collect(fetch(`${url}/events?topic=a&from=earliest`), 2)
  await expect.poll(() => put('2').catch(() => 0)).toBe(201)
  expect((await items).map(({ data }) => data)).toEqual(['1', '2'])
  signal('SIGINT')
  expect(await ended).toBe(0)
})

test('a port in use is told once', async () => {
  const blocker = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void blocker.close())
  await new Promise((resolve) => blocker.once('listening', resolve))
  const { port } = blocker.address() as AddressInfo
  const { code, stderr, stdout } = await runToEnd(['serve', '--port', String(port), '--engine', `disk:${newFolder()}`, '--workers', '3'])
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toBe(`server-sent serve: --port ${port} is in use on 127.0.0.1: choose another, or 0 for any that is free\n`)
})
