import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, onTestFinished } from 'vitest'
import { newFolder } from './folders.js'
import { when } from './servers.js'

/** Where nginx is, if this system has it. */
const nginxPath = [process.env['NGINX'], '/usr/sbin/nginx', '/usr/local/sbin/nginx', '/opt/homebrew/bin/nginx'].find(
  (path) => path && existsSync(path),
)

/** `describe` for tests behind nginx. Without it they are left out, loudly; in CI that is an error. */
export function describeWithNginx(name: string, tests: () => void): void {
  if (nginxPath) return void describe(name, tests)
  const words = `NO NGINX FOUND, LEFT OUT: all tests of "${name}". Install it (apt-get install nginx-light) or set NGINX to its path`
  if (process.env['CI'] === 'true') throw new Error(words)
  console.warn(words)
  describe.skip(name, tests)
}

/** nginx with such a content of `http { }`, gone with the test. Resolves when it listens on the port. */
export async function startNginx(http: string, port: number): Promise<void> {
  const folder = newFolder()
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${join(folder, name)};`)
  const config = join(folder, 'nginx.conf')
  writeFileSync(
    config,
    `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
error_log stderr warn;
events { worker_connections 4096; }
http {
access_log off;
${temps.join('\n')}
${http}
}
`,
  )
  const child = spawn(nginxPath as string, ['-c', config, '-p', folder], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(child, 'close')
  const kill = (): boolean => child.kill('SIGTERM')
  process.once('exit', kill)
  onTestFinished(async () => {
    process.off('exit', kill)
    kill()
    await ended
  })
  let listens = false
  const tries = setInterval(() => {
    const socket = connect(port, '127.0.0.1', () => {
      listens = true
      socket.destroy()
    })
    socket.on('error', () => {})
  }, 30)
  try {
    await when(
      () => {
        if (child.exitCode !== null) throw new Error(`nginx has ended: ${said}`)
        return listens
      },
      () => `nginx listens: ${said}`,
    )
  } finally {
    clearInterval(tries)
  }
}
