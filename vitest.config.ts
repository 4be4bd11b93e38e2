import { defineConfig } from 'vitest/config'

// A time-out is there for what never ends. What comes late on a slow or busy machine is no failure, so each is far beyond what it takes.
const PATIENCE = 120_000

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: PATIENCE,
    hookTimeout: PATIENCE,
    expect: { poll: { timeout: 30_000 } },
  },
})
