import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './files.mjs'

/**
 * Runs a program to its end and returns its standard output. Throws with everything it printed when it fails or takes longer
 * than `timeout` milliseconds. `show: true` lets it print by itself instead.
 */
export function run(command, args, { cwd = root, timeout = 600_000, show = false, shell = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      shell,
      stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
    })
    let out = ''
    let all = ''
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      out += text
      all += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      all += text
    })
    const name = [command, ...args].join(' ')
    const timer = setTimeout(() => {
      // Politely first: npm passes it on to what it has started. Not waited for: a lost grandchild may hold the pipes open.
      child.kill('SIGTERM')
      setTimeout(() => child.kill('SIGKILL'), 3_000).unref()
      child.stdout?.destroy()
      child.stderr?.destroy()
      reject(new Error(`${name} took longer than ${timeout / 1000} s${all && `\n${all.trimEnd()}`}`))
    }, timeout)
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(timer)
      if (code === 0) resolve(out)
      else reject(new Error(`${name} ended with ${code}${all && `\n${all.trimEnd()}`}`))
    })
  })
}

/** npm itself. Windows can't start `npm.cmd` without a shell, so the script behind it is started where npm has told us its path. */
export function npm(args, options) {
  const script = process.env['npm_execpath']
  if (script?.endsWith('.js')) return run(process.execPath, [script, ...args], options)
  return run('npm', args, { ...options, shell: process.platform === 'win32' })
}

/** A command line tool of an installed package, started through node: the links in `.bin` are no programs on Windows. */
export function tool(name, args, { from = root, ...options } = {}) {
  const folder = join(from, 'node_modules', name)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const script = typeof bin === 'string' ? bin : (bin[name] ?? Object.values(bin)[0])
  return run(process.execPath, [join(folder, script), ...args], options)
}
