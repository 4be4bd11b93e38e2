// Programs that are started, spoken to in lines, measured and ended.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const TICK = 10_000 // microseconds: USER_HZ is 100 on every Linux
const running = new Set()

/**
 * Starts a program. `said(pattern, { within })` waits for the next line that matches, also one that has come since the last;
 * what it prints as errors is printed here, and its unexpected end rejects whoever waits.
 */
export function start(command, args, { cwd, env } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'inherit'] })
  running.add(child)
  const lines = []
  const waiting = []
  let over = false
  createInterface({ input: child.stdout }).on('line', (line) => {
    const index = waiting.findIndex(({ pattern }) => pattern.test(line))
    if (index >= 0) waiting.splice(index, 1)[0].resolve(line)
    else lines.push(line)
  })
  child.on('error', ended)
  child.on('exit', (code, signal) => ended(new Error(`${command} ${args.join(' ')} has ended by itself: ${signal ?? code}`)))
  child.stdin.on('error', () => {})

  function ended(error) {
    running.delete(child)
    over = error
    for (const { reject } of waiting.splice(0)) reject(error)
  }

  return {
    pid: child.pid,
    say: (line) => child.stdin.write(`${line}\n`),
    said(pattern, { within = 30_000 } = {}) {
      const index = lines.findIndex((line) => pattern.test(line))
      if (index >= 0) return Promise.resolve(lines.splice(index, 1)[0])
      if (over) return Promise.reject(over)
      return new Promise((resolve, reject) => {
        const wait = {
          pattern,
          resolve(line) {
            clearTimeout(timer)
            resolve(line)
          },
          reject(error) {
            clearTimeout(timer)
            reject(error)
          },
        }
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(wait), 1)
          reject(new Late(`${command} ${args.join(' ')} has not said ${pattern} within ${within / 1000} s`))
        }, within)
        waiting.push(wait)
      })
    },
    async stop() {
      if (over) return
      const exited = new Promise((resolve) => child.once('exit', resolve))
      // All of them end with their stdin, but a busy one may not get round to it.
      child.stdin.end()
      child.kill('SIGTERM')
      const timer = setTimeout(() => familyOf(child.pid).forEach((pid) => process.kill(pid, 'SIGKILL')), 3_000)
      await exited
      clearTimeout(timer)
    },
  }
}

/** What was waited for has not come in time. */
export class Late extends Error {}

process.on('exit', endAll)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

function endAll() {
  // SIGKILL would leave nginx's worker behind.
  for (const child of running) child.kill('SIGTERM')
}

/** Microseconds of CPU that a process and its children have used so far: in all, and of that in the kernel. */
export function cpuOf(pid) {
  const used = familyOf(pid).map((pid) => {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { user: Number(fields[11]) * TICK, kernel: Number(fields[12]) * TICK }
  })
  return { all: sum(used, ({ user, kernel }) => user + kernel), kernel: sum(used, ({ kernel }) => kernel) }
}

/** Bytes that a process and its children hold for themselves: anonymous and shared memory, mapped files left out. */
export function memoryOf(pid) {
  return sum(familyOf(pid), (pid) => {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    return (Number(/RssAnon:\s+(\d+)/.exec(text)[1]) + Number(/RssShmem:\s+(\d+)/.exec(text)[1])) * 1024
  })
}

function familyOf(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return [pid, ...(children === '' ? [] : children.split(' ').flatMap((child) => familyOf(Number(child))))]
}

function sum(list, of) {
  return list.reduce((total, one) => total + of(one), 0)
}
