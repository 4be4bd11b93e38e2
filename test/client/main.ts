// The suite as a program: `main.mjs RUNTIME URL OTHER` prints [name, problem] of each case, a line of JSON each.
import type { Runtime } from './helpers.js'
import { runAll } from './runner.js'

const { Deno } = globalThis as { Deno?: { args: string[] } }
const [runtime, url, other] = Deno?.args ?? process.argv.slice(2)

for await (const told of runAll({ runtime: runtime as Runtime, url: url as string, other: other as string }, 6))
  console.log(JSON.stringify(told))
// What a case has left open would keep it.
if (Deno) (Deno as unknown as { exit(): never }).exit()
process.exit()
