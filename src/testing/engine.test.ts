import { describe, test } from 'vitest'
import { memoryEngine } from '../engines/memory.js'
import { testEngine } from './engine.js'

describe('an engine that keeps the rules', () => {
  testEngine({ test, createEngine: () => memoryEngine(), createForgetful: () => memoryEngine({ maxTopics: 2 }) })
})
