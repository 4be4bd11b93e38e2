// node bench/run.mjs NAME [options]: installs what the benchmark compares with, when that is missing, then starts it.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { npm, run } from '../scripts/lib/process.mjs'

const [name, ...options] = process.argv.slice(2)
const script = new URL(`${name}.mjs`, import.meta.url)
const here = fileURLToPath(new URL('.', import.meta.url))

if (name === undefined || !existsSync(script)) throw new Error(`no benchmark is called ${name}: node bench/run.mjs protocol`)
if (!existsSync(new URL('../dist/protocol/index.js', import.meta.url))) throw new Error('the package is not built: npm run build')

const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
const missing = Object.entries(dependencies).filter(([name, version]) => installed(name) !== version)
if (missing.length > 0) {
  console.log(`bench/ lacks ${missing.map(([name, version]) => `${name}@${version}`).join(', ')}: installing with npm ci`)
  await npm(['ci', '--no-audit', '--no-fund'], { cwd: here })
}

await run(process.execPath, [fileURLToPath(script), ...options], { show: true, timeout: 60 * 60_000 })

function installed(name) {
  const file = new URL(`node_modules/${name}/package.json`, import.meta.url)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined
}
