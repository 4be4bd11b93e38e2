import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { when } from '../../test/helpers/servers.js'
import { createTurns } from './turns.js'

test('work that is added while another has its turn has one too, once', async () => {
  const done: string[] = []
  const turns = createTurns(1_000)
  turns.add({
    turn() {
      done.push('first')
      turns.add({ turn: () => done.push('second') })
    },
  })
  await when(() => done.length >= 2)
  await sleep(20)
  expect(done).toEqual(['first', 'second'])
})

test('what is left when the slice is over has its turn later, in order', async () => {
  const done: number[] = []
  const turns = createTurns(0)
  for (const number of [1, 2, 3]) turns.add({ turn: () => done.push(number) })
  await when(() => done.length >= 3)
  await sleep(20)
  expect(done).toEqual([1, 2, 3])
})
