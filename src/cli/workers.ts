import cluster, { type Worker } from 'node:cluster'

// A worker that ends so soon after its beginning is not worth another try.
const BRIEF = 1000

/** Whether this process is one of several that serve together. */
export const isWorker = cluster.isWorker

/** Tells the process that started this one where it listens. */
export function tellListening(url: string): void {
  process.send?.({ listening: url })
}

/**
 * Serves with several processes on one port and one store, until a signal ends them. The first one begins alone: what is wrong with the
 * port or the store is told once. One that ends by itself is replaced.
 *
 * @param args Those of `serve`.
 * @param onListening All of them listen.
 * @returns The exit code.
 */
export async function superviseWorkers(args: readonly string[], count: number, onListening: (url: string) => void): Promise<number> {
  const workers = new Set<Worker>()
  let stopping = false
  let exitCode = 0
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop(name))

  function stop(signal: NodeJS.Signals): void {
    stopping = true
    for (const worker of workers) worker.process.kill(signal)
  }

  /** Resolves with the address; with `undefined` when it has ended instead, and has said why. */
  function start(args: readonly string[]): Promise<string | undefined> {
    cluster.setupPrimary({ args: ['serve', ...args] })
    const worker = cluster.fork()
    const begun = performance.now()
    workers.add(worker)
    return new Promise((resolve) => {
      worker.on('message', (message: { readonly listening?: string }) => resolve(message.listening))
      worker.once('exit', (code: number | null) => {
        workers.delete(worker)
        resolve(undefined)
        if (stopping) {
          // None: the signal has met it before it was ready for it.
          exitCode ||= code ?? 0
        } else if (performance.now() - begun > BRIEF) void start(later)
        else {
          exitCode = code ?? 1
          stop('SIGTERM')
        }
        if (workers.size === 0) allOver()
      })
    })
  }

  let allOver = (): void => {}
  const over = new Promise<void>((resolve) => (allOver = resolve))
  // An epoch begins once.
  const later = args.filter((arg) => arg !== '--new-epoch')
  const url = await start(args)
  if (url !== undefined) {
    const others = await Promise.all(Array.from({ length: count - 1 }, () => start(later)))
    if (!others.includes(undefined)) onListening(url)
  }
  if (workers.size > 0) await over
  return exitCode
}
