import { parseArgs, type ParseArgsConfig } from 'node:util'

/** The command was called wrongly: exit code 2. */
export class UsageError extends Error {}

/** The command was right, and couldn't be done: exit code 1. */
export class Failure extends Error {}

type Options = NonNullable<ParseArgsConfig['options']>
type Parsed<T extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: T; allowPositionals: true; strict: true }>>

/** @throws {UsageError} that names the flag. */
export function parse<T extends Options>(args: readonly string[], options: T): Parsed<T> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new UsageError(complaintOf(oneLine((error as Error).message)), { cause: error })
  }
}

/** What Node says, without its advice on quoting. */
function complaintOf(message: string): string {
  const [, flag] = /'(?:-\w, )?(--[\w-]+)/.exec(message) ?? []
  if (flag && message.includes('ambiguous')) return `${flag} needs a value; one that begins with - is written ${flag}=VALUE`
  if (flag && message.includes('argument missing')) return `${flag} needs a value: ${flag} VALUE`
  if (flag && message.includes('does not take an argument')) return `${flag} takes no value: say ${flag} alone`
  const [said = ''] = message.split('. ')
  return `${said.slice(0, 1).toLowerCase()}${said.slice(1).replaceAll("'", '')}; see --help`
}

/** A number of a flag, whole unless told otherwise. @throws {UsageError} */
export function numberOf(
  flag: string,
  text: string,
  what: { readonly min: number; readonly max?: number; readonly unit?: string },
): number {
  const { min, max = Number.MAX_SAFE_INTEGER, unit = '' } = what
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN
  if (value >= min && value <= max) return value
  const range = max === Number.MAX_SAFE_INTEGER ? `>= ${min}` : `from ${min} to ${max}`
  throw new UsageError(`${flag} must be a whole number ${unit && `of ${unit} `}${range}: ${JSON.stringify(text.slice(0, 40))}`)
}

/** Headers of flags like `--header 'Name: value'`. Their values are not repeated in messages: they may be secrets. @throws {UsageError} */
export function headersOf(lines: readonly string[]): Headers {
  const headers = new Headers()
  for (const line of lines) {
    const [, name, value] = /^([^:\s]+):\s*(.*)$/s.exec(line) ?? []
    try {
      if (name === undefined || value === undefined) throw new TypeError('no colon')
      headers.append(name, value)
    } catch (cause) {
      throw new UsageError("--header must be 'Name: value', on one line", { cause })
    }
  }
  return headers
}

/** A URL of the command line. @throws {UsageError} */
export function urlOf(text: string | undefined, example: string): URL {
  if (text === undefined) throw new UsageError(`URL is missing: say it first, for instance ${example}`)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return url
  // Not repeated: it may hold a password.
  throw new UsageError(`URL must be an http(s) URL without a password, for instance ${example}; credentials go into --header`)
}

export function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ').trim()
}
