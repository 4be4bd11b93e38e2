import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collect } from 'server-sent/testing'
import { beforeAll, expect, test } from 'vitest'
import { withPacked } from '../../scripts/lib/pack.mjs'
import { npm } from '../../scripts/lib/process.mjs'
import { start, type Running } from './process.js'

// As strangers have it: packed, and installed where nothing else is.
const folder = mkdtempSync(join(tmpdir(), 'server-sent-installed-'))

beforeAll(async () => {
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  await withPacked(({ tarball }) =>
    npm(['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', tarball], { cwd: folder }),
  )
  return () => rmSync(folder, { recursive: true, force: true })
}, 300_000)

/** Through npx, which asks a shell: for what ends by itself. */
function npx(...args: readonly string[]): Running {
  return start(['--offline', '--no', 'server-sent', ...args], { command: 'npx', cwd: folder })
}

/** The command itself: signals reach it. */
function installed(...args: readonly string[]): Running {
  return start(args, { command: join(folder, 'node_modules', '.bin', 'server-sent'), cwd: folder })
}

test('the installed package serves, publishes and tails', async () => {
  const server = installed('serve', '--port', '0')
  await server.printed(/Listening on \S+\n/)
  const url = /Listening on (\S+)/.exec(server.stdout())?.[1] as string
  const published = npx('publish', url, 'a', 'hello')
  expect([await published.ended, published.stderr()]).toEqual([0, ''])
  const tail = installed('tail', `${url}/events?topic=a&from=earliest`, '--json')
  await tail.printed('"hello"')
  expect(JSON.parse(tail.stdout())).toEqual({ event: 'message', id: published.stdout().trim(), data: 'hello' })
  expect(await collect(fetch(`${url}/events?topic=a&from=earliest`), 1, { within: 30_000 })).toMatchObject([{ data: 'hello' }])
  tail.signal('SIGINT')
  expect(await tail.ended).toBe(0)
  server.signal('SIGTERM')
  expect(await server.ended).toBe(0)
})

test('npx finds it', async () => {
  const version = npx('--version')
  expect(await version.ended).toBe(0)
  expect(version.stdout()).toMatch(/^\d+\.\d+\.\d+/)
})

test('tokens without the package that checks them are one line that names it', async () => {
  const server = npx('serve', '--port', '0', '--jwt-secret', 'x'.repeat(32))
  expect([await server.ended, server.stdout(), server.stderr()]).toEqual([
    1,
    '',
    'server-sent serve: tokens need the package `jose`: npm install jose\n',
  ])
})

test.each([
  ['disk:./data', '--engine: The disk engine needs the package `lmdb`: npm install lmdb'],
  ['redis://localhost', '--engine redis: needs the package `redis` or `ioredis`: npm install redis'],
])('an engine whose package is missing is one line that names it: %s', async (engine, words) => {
  const server = npx('serve', '--port', '0', '--engine', engine)
  expect([await server.ended, server.stdout(), server.stderr()]).toEqual([1, '', `server-sent serve: ${words}\n`])
})
