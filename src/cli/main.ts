#!/usr/bin/env node
import { run } from './run.js'

void run(process.argv.slice(2)).then((code) => {
  process.exitCode = code
  // One of several that serve: its channel to the others would keep it running.
  if (process.connected) process.exit()
})
