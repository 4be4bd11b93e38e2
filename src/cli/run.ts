import { readFileSync } from 'node:fs'
import { Failure, oneLine, UsageError } from './args.js'
import { bench } from './bench.js'
import { HELP } from './help.js'
import { publish } from './publish.js'
import { serve } from './serve.js'
import { tail } from './tail.js'

const COMMANDS = new Map<string, (args: readonly string[]) => Promise<number | void>>([
  ['serve', serve],
  ['tail', tail],
  ['publish', publish],
  ['bench', bench],
])

/** The command line. Answers the exit code: 0, 1 for what failed, 2 for what was called wrongly; then one line on stderr says what to do. */
export async function run(args: readonly string[]): Promise<number> {
  const [name = '', ...rest] = args
  const command = COMMANDS.get(name)
  try {
    if (name === '--version' || name === '-v') return say(version())
    if (name === '--help' || name === '-h' || name === 'help') return say(HELP.all)
    if (!command) {
      throw new UsageError(
        `${name === '' ? 'no command' : `no command ${JSON.stringify(name)}`}: there are ${[...COMMANDS.keys()].join(', ')}; see --help`,
      )
    }
    // What stands behind -- is data.
    const flags = rest.slice(0, rest.includes('--') ? rest.indexOf('--') : rest.length)
    if (flags.includes('--help') || flags.includes('-h')) return say(HELP[name as keyof typeof HELP])
    return (await command(rest)) ?? 0
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof Failure)) throw error
    process.stderr.write(`server-sent${command ? ` ${name}` : ''}: ${oneLine(error.message)}\n`)
    return error instanceof UsageError ? 2 : 1
  }
}

function say(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  return version
}
