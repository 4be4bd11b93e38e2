export interface RunOptions {
  readonly cwd?: string
  readonly timeout?: number
  readonly show?: boolean
  readonly shell?: boolean
}

export function run(command: string, args: readonly string[], options?: RunOptions): Promise<string>
export function npm(args: readonly string[], options?: RunOptions): Promise<string>
export function tool(name: string, args: readonly string[], options?: RunOptions & { readonly from?: string }): Promise<string>
