import { afterAll, expect, test } from 'vitest'
import { newFolder, removeFolders } from './folders.js'
import { canFakeTime, describeWithRedis, fakeClock, removeRedis, replicated, startRedis } from './redis.js'

afterAll(async () => {
  await removeRedis()
  removeFolders()
})

describeWithRedis('a redis-server for tests', () => {
  test('is killed and comes back with its data, or without it', async () => {
    const server = await startRedis()
    await server.send('SET', 'a', '1')
    await server.kill()
    expect(server.isRunning).toBe(false)
    await expect(server.send('GET', 'a')).rejects.toThrow('Connection is closed')
    await server.start()
    expect(await server.send('GET', 'a')).toBe('1')
    await server.stop()
    await server.start({ empty: true })
    expect(await server.send('GET', 'a')).toBe(null)
  })

  test('has replicas', async () => {
    const master = await startRedis()
    const replica = await startRedis({ replicaOf: master })
    await master.send('SET', 'a', '1')
    await replicated(replica)
    expect(await replica.send('GET', 'a')).toBe('1')
    await replica.send('REPLICAOF', 'NO', 'ONE')
    expect(await replica.send('SET', 'a', '2')).toBe('OK')
  })

  test('says so when it ends at once', async () => {
    await expect(startRedis({ args: ['--no-such-option', '1'] })).rejects.toThrow('has ended at once')
  })

  test.skipIf(!canFakeTime)('has a clock of its own', async () => {
    const clock = fakeClock(newFolder())
    const server = await startRedis({ env: clock.env })
    const now = async (): Promise<number> => Number(((await server.send('TIME')) as string[])[0])
    const before = await now()
    clock.set('-1h')
    await expect.poll(now).toBeLessThan(before - 3000)
  })
})
