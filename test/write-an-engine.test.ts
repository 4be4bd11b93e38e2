import { readFileSync } from 'node:fs'
import { testEngine } from 'server-sent/testing'
import { describe, expect, test } from 'vitest'
import { mapEngine } from '../examples/engine/map-engine.js'

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

test('docs/write-an-engine.md shows the engine that is tested here, to the letter', () => {
  expect(read('docs/write-an-engine.md')).toContain(`\`\`\`ts\n${read('examples/engine/map-engine.ts')}\`\`\``)
})

describe('the engine of docs/write-an-engine.md', () => {
  testEngine({ test, createEngine: mapEngine })
})
