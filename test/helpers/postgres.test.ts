import { existsSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { describeWithPostgres, removePostgres, startPostgres } from './postgres.js'

afterAll(removePostgres)

describeWithPostgres('a PostgreSQL of its own', () => {
  test('keeps what was committed over a crash, and leaves nothing when it is removed', async () => {
    const server = await startPostgres()
    const url = await server.createDatabase('shop')
    expect(url).toBe(server.url('shop'))
    await server.query('CREATE TABLE t (n int)', [], 'shop')
    await server.query('INSERT INTO t VALUES ($1)', [7], 'shop')
    await server.kill()
    expect(server.isRunning).toBe(false)
    await expect(server.query('SELECT 1')).rejects.toThrow('ECONNREFUSED')
    await server.start()
    expect(await server.query('SELECT n FROM t', [], 'shop')).toEqual([{ n: 7 }])
    await server.stop()
    await server.start({ settings: { max_connections: '33' } })
    expect(await server.query('SHOW max_connections')).toEqual([{ max_connections: '33' }])
    await server.remove()
    await server.remove()
    expect(existsSync(server.folder)).toBe(false)
  })

  test('says why one does not start', async () => {
    const server = await startPostgres()
    await server.stop()
    await expect(server.start({ settings: { max_connections: 'many' } })).rejects.toThrow('max_connections')
  })
})
