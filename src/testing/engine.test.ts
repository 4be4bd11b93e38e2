import { describe, expect, test } from 'vitest'
import { brokenEngines } from '../../test/engines/broken.js'
import { followingStore } from '../../test/engines/following.js'
import { memoryEngine } from '../engines/memory.js'
import { testEngine } from './engine.js'

describe('an engine that keeps the rules', () => {
  testEngine({ test, createEngine: () => memoryEngine(), createForgetful: () => memoryEngine({ maxTopics: 2 }) })
})

describe('an engine that carries only what is followed, and whose nodes know of each other', () => {
  let store = followingStore()
  testEngine({
    test,
    createEngine: () => (store = followingStore()).node(),
    reopen: () => store.node(),
    createForgetful: () => followingStore({ maxTopics: 2 }).node(),
  })
})

describe.concurrent('an engine that', () => {
  // The rules that wait for a hint wait for long; a broken engine is asked only what it may fail.
  test.each(brokenEngines)('$fault is failed by the rule "$rule"', async ({ rule, create, reopen }) => {
    const found: string[] = []
    let asked = 0
    const running: Promise<void>[] = []
    testEngine({
      test(name, run) {
        if (!name.startsWith(rule)) return
        asked++
        running.push(run().catch((error: Error) => void found.push(`${name}: ${error.message}`)))
      },
      createEngine: create,
      createForgetful: create,
      reopen: reopen ?? create,
    })
    await Promise.all(running)
    expect(asked).toBe(1)
    expect(found).toHaveLength(1)
    // The rule's own words, no accident on the way.
    expect(found[0]).not.toMatch(/is not a function|undefined \(reading/)
  })
})
