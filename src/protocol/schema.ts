import { SseError } from '../errors.js'

/** What zod, valibot, arktype and others implement. @see https://standardschema.dev */
export interface StandardSchema<I = unknown, O = I> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (
      value: unknown,
    ) => { readonly value: O } | { readonly issues: readonly { readonly message: string }[] } | Promise<unknown>
    readonly types?: { readonly input: I; readonly output: O } | undefined
  }
}

/** The schema's output for a value. @throws {SseError} SSE_INVALID_DATA; {TypeError} when the schema is asynchronous. */
export function validate(event: string, schema: StandardSchema, value: unknown): unknown {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) {
    result.catch(() => {})
    throw new TypeError(`The schema of \`${event}\` is asynchronous: items are validated at once, use a synchronous one`)
  }
  if ('issues' in result && result.issues) {
    throw new SseError('SSE_INVALID_DATA', `Invalid data for \`${event}\`: ${result.issues.map(describe).join('; ')}`, {
      cause: result.issues,
    })
  }
  return (result as { value: unknown }).value
}

function describe(issue: { readonly message: string; readonly path?: readonly unknown[] | undefined }): string {
  const path = issue.path
    ?.map((part) => (typeof part === 'object' && part && 'key' in part ? part.key : part))
    .map(String)
    .join('.')
  return path ? `${path}: ${issue.message}` : issue.message
}
