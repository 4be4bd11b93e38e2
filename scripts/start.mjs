// The demo: builds what is missing or older than its source, then serves. `PORT=5001 npm start` for another port than 5000.
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import { buildDemo } from './lib/build-demo.mjs'
import { root } from './lib/files.mjs'

try {
  await buildDemo(console.log)
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
await import(pathToFileURL(join(root, 'demo', 'dist', 'server', 'main.js')).href)
